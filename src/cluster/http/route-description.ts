// What an entry of a route table says of its requests and replies, beyond what routing needs (client-route.ts).
// /openapi.json (openapi.ts) and the cheat sheet at `/` (cheat-sheet.ts) are made of it. Everything here is optional in
// an entry, so that a short one is still served and documented.

/** The headings of the cheat sheet, in its order. */
export const TASKS = {
  keys: 'Keys and values',
  'many keys': 'Many keys at once',
  blobs: 'Blobs',
  files: 'Files',
  cluster: 'How the cluster is',
  process: 'How this process is',
  other: 'Other paths',
  help: 'This list',
} as const;

export type RouteTask = keyof typeof TASKS;

/** A request that succeeds as it stands, as a line for curl. */
export interface Example {
  /** The part of the URL after the host; a shell reads it within single quotes. */
  readonly target: string;
  /** Options for curl, as a shell reads them, such as `-X DELETE`. */
  readonly flags?: string;
  /** The purpose of this request, in a few words; the text of its route when this is absent. */
  readonly text?: string;
}

/** The part of JSON Schema that parameters need. */
export interface Schema {
  readonly type: 'string' | 'integer' | 'array';
  readonly enum?: readonly string[];
  readonly items?: Schema;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: string | number;
}

export interface RouteParameter {
  readonly name: string;
  readonly text: string;
  /** A parameter of the query, or of the path if that has its name, when this is absent. */
  readonly in?: 'header';
  readonly required?: true;
  /** A string when this is absent. */
  readonly schema?: Schema;
  /** A value with which a request of all examples succeeds. */
  readonly example?: string;
}

export interface RouteBody {
  /** The content types that make a difference; any when this is absent. */
  readonly types?: readonly string[];
  readonly text: string;
  readonly required?: true;
  readonly example?: string;
}

export interface RouteReply {
  readonly text: string;
  /** The content types without their parameters; empty for a reply without a body. */
  readonly types: readonly string[];
  /** What each header says, by its name. */
  readonly headers?: Readonly<Record<string, string>>;
}

export const TEXT_TYPE = 'text/plain';
export const JSON_TYPE = 'application/json';
/** Lines of JSON. */
export const LINES_TYPE = 'application/x-ndjson';
export const PROBLEM_TYPE = 'application/problem+json';
export const BYTES_TYPE = 'application/octet-stream';
