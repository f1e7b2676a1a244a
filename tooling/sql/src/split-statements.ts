import { Refusal } from "./refusal.ts";
import { lineAt, type SqlFile } from "./sql-file.ts";

/** A statement with everything around it; the parts of a file joined give the file back. */
export interface Statement {
  /** White space and comments before the statement. */
  readonly lead: string;
  /** From the first word up to and with the semicolon; empty for comments at the end of a file. */
  readonly text: string;
  /** A comment behind the semicolon, on the same line. */
  readonly tail: string;
  /** The statement without comments, strings and quoted names: safe to look for key words in. */
  readonly bare: string;
  readonly path: string;
  readonly line: number;
}

/** Cuts a file into its statements. Bodies in `begin atomic` style are not supported. */
export function splitStatements(file: SqlFile): Statement[] {
  const statements: Statement[] = [];
  for (let offset = 0; offset < file.text.length;) {
    const statement = readStatement(file, offset);
    statements.push(statement);
    offset += statement.lead.length + statement.text.length + statement.tail.length;
  }
  return statements;
}

/** The statements alone, without trailing comments. */
export function readStatements(file: SqlFile): Statement[] {
  return splitStatements(file).filter((statement) => statement.text !== "");
}

function readStatement(file: SqlFile, offset: number): Statement {
  const start = skipTrivia(file, offset);
  const { end, bare } = readBody(file, start);
  return {
    lead: file.text.slice(offset, start),
    text: file.text.slice(start, end),
    tail: matchAt(/[ \t]*--[^\n]*/y, file.text, end),
    bare,
    path: file.path,
    line: lineAt(file.text, start),
  };
}

function readBody(file: SqlFile, start: number): { end: number; bare: string } {
  let bare = "";
  let depth = 0;
  for (let at = start; at < file.text.length;) {
    const token = readToken(file, at);
    at += token.length;
    bare += isOpaque(token) ? " " : token;
    if (token === "(") depth += 1;
    if (token === ")") depth -= 1;
    if (token === ";" && depth <= 0) return { end: at, bare };
  }
  if (start < file.text.length) {
    throw new Refusal(
      `${file.path}:${lineAt(file.text, start)}: this statement has no semicolon at its end`,
    );
  }
  return { end: start, bare };
}

function skipTrivia(file: SqlFile, offset: number): number {
  let at = offset;
  for (let token = readToken(file, at); /^(\s|--|\/\*)/.test(token); token = readToken(file, at))
    at += token.length;
  return at;
}

const lexemes = new RegExp(
  [
    /\s+/,
    /--[^\n]*/,
    /[eE]'(?:[^'\\]|\\[^]|'')*'/,
    /'[^']*'/,
    /"[^"]*"/,
    /[a-zA-Z_\u0080-\uffff][\w$\u0080-\uffff]*/,
    /\d[\w.]*/,
  ]
    .map((lexeme) => lexeme.source)
    .join("|"),
  "y",
);

/** One token, or an empty text at the end. A doubled quote reads as two strings side by side, which cuts alike. */
function readToken(file: SqlFile, at: number): string {
  const { text } = file;
  if (text.startsWith("/*", at)) return readBlockComment(file, at);
  const delimiter = matchAt(/\$(?:[a-zA-Z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y, text, at);
  if (delimiter !== "") return readDollarQuoted(file, at, delimiter);
  const token = matchAt(lexemes, text, at) || text.slice(at, at + 1);
  if (token === "'" || token === '"') throw unclosed(file, at, token);
  return token;
}

function readBlockComment(file: SqlFile, start: number): string {
  const edge = /\/\*|\*\//g;
  edge.lastIndex = start;
  let depth = 0;
  for (let match = edge.exec(file.text); match !== null; match = edge.exec(file.text)) {
    depth += match[0] === "/*" ? 1 : -1;
    if (depth === 0) return file.text.slice(start, edge.lastIndex);
  }
  throw unclosed(file, start, "/*");
}

function readDollarQuoted(file: SqlFile, start: number, delimiter: string): string {
  const end = file.text.indexOf(delimiter, start + delimiter.length);
  if (end < 0) throw unclosed(file, start, delimiter);
  return file.text.slice(start, end + delimiter.length);
}

function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? "";
}

function isOpaque(token: string): boolean {
  return token.length > 1 && /^(--|\/\*|'|"|\$|[eE]')/.test(token);
}

function unclosed(file: SqlFile, at: number, opener: string): Refusal {
  return new Refusal(`${file.path}:${lineAt(file.text, at)}: ${opener} is never closed`);
}
