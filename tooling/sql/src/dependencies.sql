-- What the objects of this database need, by address. Kinds: n needs, a goes away with, i is a part of.
select
  d.classid::regclass || ':' || d.objid || ':' || d.objsubid as dependent,
  d.refclassid::regclass || ':' || d.refobjid || ':' || d.refobjsubid as needed,
  d.deptype as kind
from pg_depend d
where d.refobjid >= 16384
  and d.objid >= 16384
