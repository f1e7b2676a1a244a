-- Everything in the database as rows of one shape, told by name and free of object ids, owners and the
-- partitions that maintenance makes by date.
with
me as (
  select oid from pg_roles where rolname = current_user
),
namespaces as (
  select n.oid, n.nspacl, n.nspowner, quote_ident(n.nspname) as name
  from pg_namespace n
  where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
    and n.nspname !~ '^pg_(toast_)?temp_'
),
dated_partitions as (
  select c.oid
  from pg_class c
  where c.relispartition and c.relkind in ('r', 'p') and c.relname ~ '_(y\d{4}m\d{2}|\d{8})$'
),
relations as (
  select c.*, c.oid::regclass::text as name
  from pg_class c
  join namespaces n on n.oid = c.relnamespace
  where c.oid not in (table dated_partitions)
),
tables as (
  select * from relations where relkind in ('r', 'p', 'f')
),
indexes as (
  select i.*, r.name, t.name as table_name
  from pg_index i
  join relations r on r.oid = i.indexrelid
  join relations t on t.oid = i.indrelid
  where not r.relispartition
    and not exists (
      select from pg_constraint c where c.conindid = i.indexrelid and c.contype in ('p', 'u', 'x')
    )
),
types as (
  select t.*, format_type(t.oid, null) as name
  from pg_type t
  join namespaces n on n.oid = t.typnamespace
  left join pg_class c on c.oid = t.typrelid
  where t.typtype in ('e', 'd', 'r') or (t.typtype = 'c' and c.relkind = 'c')
),
-- what a range type or an extension brings along
brought_along as (
  select d.classid, d.objid
  from pg_depend d
  where d.deptype in ('i', 'e') and d.classid in ('pg_proc'::regclass, 'pg_cast'::regclass)
),
functions as (
  select p.*, p.oid::regprocedure::text as name
  from pg_proc p
  join namespaces n on n.oid = p.pronamespace
  where ('pg_proc'::regclass, p.oid) not in (table brought_along)
),
acls (class, object_id, sub_id, acl, usual) as (
  select 'pg_namespace', n.oid, 0, n.nspacl, acldefault('n', n.nspowner)
  from namespaces n
union all
  select 'pg_proc', f.oid, 0, f.proacl, acldefault('f', f.proowner)
  from functions f
union all
  select 'pg_class', r.oid, 0, r.relacl, acldefault(case r.relkind when 'S' then 's'::"char" else 'r' end, r.relowner)
  from relations r
union all
  select 'pg_class', r.oid, a.attnum, a.attacl, acldefault('c', r.relowner)
  from relations r
  join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
union all
  select 'pg_type', t.oid, 0, t.typacl, acldefault('T', t.typowner)
  from types t
),
grants (class, object_id, sub_id, grants, usual) as (
  select
    a.class,
    a.object_id,
    a.sub_id,
    coalesce(jsonb_agg(w.words order by w.words) filter (where x.is_actual), '[]'),
    coalesce(jsonb_agg(w.words order by w.words) filter (where not x.is_actual), '[]')
  from acls a
  cross join lateral (
    select true, e.* from aclexplode(a.acl) e
    union all
    select false, e.* from aclexplode(a.usual) e
  ) x (is_actual, grantor, grantee, privilege, is_grantable)
  cross join lateral (
    select lower(x.privilege) || ' to '
      || case x.grantee when 0 then 'public' when (table me) then 'owner' else x.grantee::regrole::text end
      || case when x.is_grantable then ' with grant option' else '' end
  ) w (words)
  where a.acl is not null
  group by a.class, a.object_id, a.sub_id
),
objects (kind, name, address, parent, definition) as (
  select 'schema', name, 'pg_namespace:' || oid || ':0', null, '{}'::jsonb
  from namespaces
union all
  select
    'table',
    t.name,
    'pg_class:' || t.oid || ':0',
    (select 'pg_class:' || i.inhparent || ':0' from pg_inherits i where i.inhrelid = t.oid and t.relispartition),
    jsonb_build_object(
      'kind', t.relkind,
      'persistence', t.relpersistence,
      'options', t.reloptions,
      'replica identity', t.relreplident,
      'partitioned by', pg_get_partkeydef(t.oid),
      'inherits', (
        select jsonb_agg(i.inhparent::regclass::text order by i.inhseqno) from pg_inherits i where i.inhrelid = t.oid
      ),
      'bound', pg_get_expr(t.relpartbound, t.oid)
    )
  from tables t
union all
  select
    'column',
    t.name || '.' || quote_ident(a.attname),
    'pg_class:' || t.oid || ':' || a.attnum,
    'pg_class:' || t.oid || ':0',
    jsonb_build_object(
      'position', row_number() over (partition by t.oid order by a.attnum),
      'type', format_type(a.atttypid, a.atttypmod),
      'collation', case when a.attcollation <> y.typcollation then a.attcollation::regcollation::text end,
      'not null', a.attnotnull,
      'default', pg_get_expr(d.adbin, d.adrelid),
      'identity', a.attidentity,
      'generated', a.attgenerated,
      'storage', case when a.attstorage <> y.typstorage then a.attstorage end,
      'compression', a.attcompression,
      'options', a.attoptions,
      'statistics', a.attstattarget
    )
  from tables t
  join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
  join pg_type y on y.oid = a.atttypid
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
union all
  select
    'constraint',
    quote_ident(c.conname) || ' on ' || t.name,
    'pg_constraint:' || c.oid || ':0',
    'pg_class:' || t.oid || ':0',
    jsonb_build_object('definition', pg_get_constraintdef(c.oid), 'validated', c.convalidated)
  from pg_constraint c
  join tables t on t.oid = c.conrelid
  where c.contype in ('c', 'f', 'p', 'u', 'x') and c.conparentid = 0
union all
  select
    'index',
    i.name,
    'pg_class:' || i.indexrelid || ':0',
    'pg_class:' || i.indrelid || ':0',
    jsonb_build_object('definition', pg_get_indexdef(i.indexrelid), 'valid', i.indisvalid)
  from indexes i
union all
  select
    'statistics',
    n.name || '.' || quote_ident(s.stxname),
    'pg_statistic_ext:' || s.oid || ':0',
    'pg_class:' || s.stxrelid || ':0',
    jsonb_build_object('definition', pg_get_statisticsobjdef(s.oid))
  from pg_statistic_ext s
  join namespaces n on n.oid = s.stxnamespace
union all
  select
    'sequence',
    r.name,
    'pg_class:' || r.oid || ':0',
    'pg_class:' || o.refobjid || ':0',
    jsonb_build_object(
      'type', format_type(s.seqtypid, null),
      'start', s.seqstart,
      'increment', s.seqincrement,
      'range', array[s.seqmin, s.seqmax],
      'cache', s.seqcache,
      'cycle', s.seqcycle,
      'owned by', (
        select o.refobjid::regclass || '.' || quote_ident(a.attname)
        from pg_attribute a
        where a.attrelid = o.refobjid and a.attnum = o.refobjsubid
      )
    )
  from relations r
  join pg_sequence s on s.seqrelid = r.oid
  left join pg_depend o
    on o.classid = 'pg_class'::regclass and o.objid = r.oid and o.refclassid = 'pg_class'::regclass
    and o.deptype in ('a', 'i')
  where o.deptype is distinct from 'i'
union all
  select 'type', t.name, 'pg_type:' || t.oid || ':0', null, jsonb_build_object(
    'kind', t.typtype,
    'labels', (
      select jsonb_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid
    ),
    'attributes', (
      select jsonb_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod) order by a.attnum)
      from pg_attribute a
      where a.attrelid = t.typrelid and t.typtype = 'c' and a.attnum > 0 and not a.attisdropped
    ),
    'base', case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end,
    'not null', t.typnotnull,
    'default', t.typdefault,
    'constraints', (
      select jsonb_agg(quote_ident(c.conname) || ' ' || pg_get_constraintdef(c.oid) order by c.conname)
      from pg_constraint c
      where c.contypid = t.oid
    ),
    'range of', (select format_type(r.rngsubtype, null) from pg_range r where r.rngtypid = t.oid)
  )
  from types t
union all
  select
    case f.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end,
    f.name,
    'pg_proc:' || f.oid || ':0',
    null,
    jsonb_build_object(
      'arguments', pg_get_function_arguments(f.oid),
      'returns', pg_get_function_result(f.oid),
      'language', (select l.lanname from pg_language l where l.oid = f.prolang),
      'window', f.prokind = 'w',
      'volatility', f.provolatile,
      'parallel', f.proparallel,
      'strict', f.proisstrict,
      'leakproof', f.proleakproof,
      'security definer', f.prosecdef,
      'cost', f.procost,
      'rows', f.prorows,
      'support', f.prosupport::text,
      'settings', f.proconfig,
      'body', f.prosrc,
      'sql body', pg_get_function_sqlbody(f.oid),
      'aggregate', (
        select to_jsonb(array[
          a.aggtransfn::text, a.aggfinalfn::text, a.aggcombinefn::text, a.aggmtransfn::text,
          format_type(a.aggtranstype, null), a.agginitval, a.aggkind::text
        ])
        from pg_aggregate a
        where a.aggfnoid = f.oid
      )
    )
  from functions f
union all
  select
    case r.relkind when 'v' then 'view' else 'materialized view' end,
    r.name,
    'pg_class:' || r.oid || ':0',
    null,
    jsonb_build_object(
      'query', pg_get_viewdef(r.oid),
      'options', r.reloptions,
      'columns', (
        select jsonb_agg(
          quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
            || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
          order by a.attnum
        )
        from pg_attribute a
        left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attrelid = r.oid and a.attnum > 0
      )
    )
  from relations r
  where r.relkind in ('v', 'm')
union all
  select
    'trigger',
    quote_ident(t.tgname) || ' on ' || r.name,
    'pg_trigger:' || t.oid || ':0',
    'pg_class:' || r.oid || ':0',
    jsonb_build_object('definition', pg_get_triggerdef(t.oid), 'enabled', t.tgenabled)
  from pg_trigger t
  join relations r on r.oid = t.tgrelid
  where not t.tgisinternal and t.tgparentid = 0
union all
  select
    'policy',
    quote_ident(p.polname) || ' on ' || r.name,
    'pg_policy:' || p.oid || ':0',
    'pg_class:' || r.oid || ':0',
    jsonb_build_object(
      'command', p.polcmd,
      'permissive', p.polpermissive,
      'roles', (
        select jsonb_agg(n.name order by n.name)
        from unnest(p.polroles) as u (role)
        cross join lateral (
          select case u.role when 0 then 'public' when (table me) then 'owner' else u.role::regrole::text end
        ) n (name)
      ),
      'using', pg_get_expr(p.polqual, p.polrelid),
      'with check', pg_get_expr(p.polwithcheck, p.polrelid)
    )
  from pg_policy p
  join relations r on r.oid = p.polrelid
union all
  select
    'rule',
    quote_ident(w.rulename) || ' on ' || r.name,
    'pg_rewrite:' || w.oid || ':0',
    'pg_class:' || r.oid || ':0',
    jsonb_build_object('definition', pg_get_ruledef(w.oid), 'enabled', w.ev_enabled)
  from pg_rewrite w
  join relations r on r.oid = w.ev_class
  where w.rulename <> '_RETURN'
union all
  select 'row security', t.name, null, 'pg_class:' || t.oid || ':0', jsonb_build_object(
    'enabled', t.relrowsecurity,
    'forced', t.relforcerowsecurity
  )
  from tables t
  where t.relrowsecurity or t.relforcerowsecurity
union all
  select
    'comment',
    o.type || ' ' || replace(o.identity, 'pg_catalog.', ''),
    null,
    d.classoid::regclass || ':' || d.objoid || ':' || d.objsubid,
    jsonb_build_object('of', o.type, 'identity', replace(o.identity, 'pg_catalog.', ''), 'text', d.description)
  from pg_description d
  cross join lateral pg_identify_object(d.classoid, d.objoid, d.objsubid) o
  where d.objoid >= 16384 and d.objoid not in (table dated_partitions)
union all
  select 'privileges', o.type || ' ' || replace(o.identity, 'pg_catalog.', ''), null, g.class || ':' || g.object_id || ':' || g.sub_id,
    jsonb_build_object('of', o.type, 'identity', replace(o.identity, 'pg_catalog.', ''), 'grants', g.grants, 'default', g.usual)
  from grants g
  cross join lateral pg_identify_object(g.class::regclass, g.object_id, g.sub_id) o
  where g.grants is distinct from g.usual
union all
  select
    'default privileges',
    d.defaclobjtype::text || coalesce(' in ' || d.defaclnamespace::regnamespace::text, ''),
    null,
    null,
    jsonb_build_object('grants', d.defaclacl::text)
  from pg_default_acl d
  where d.defaclrole = (table me)
union all
  select 'object', o.type || ' ' || replace(o.identity, 'pg_catalog.', ''), u.class || ':' || u.oid || ':0', null, '{}'
  from (
    select 'pg_extension', oid from pg_extension
    union all select 'pg_operator', oid from pg_operator
    union all select 'pg_opfamily', oid from pg_opfamily
    union all select 'pg_opclass', oid from pg_opclass
    union all select 'pg_cast', oid from pg_cast
    union all select 'pg_collation', oid from pg_collation
    union all select 'pg_publication', oid from pg_publication
    union all select 'pg_event_trigger', oid from pg_event_trigger
    union all select 'pg_ts_config', oid from pg_ts_config
    union all select 'pg_ts_dict', oid from pg_ts_dict
    union all select 'pg_foreign_server', oid from pg_foreign_server
  ) u (class, oid)
  cross join lateral pg_identify_object(u.class::regclass, u.oid, 0) o
  where u.oid >= 16384 and (u.class::regclass, u.oid) not in (table brought_along)
)
select kind, name, kind || ' ' || name as key, address, parent, definition
from objects
order by kind collate "C", name collate "C"
