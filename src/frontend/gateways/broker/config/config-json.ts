// The form of a configuration as JSON: an object for each block, with the same words. It is read here and not by JSON.parse,
// which does not say where a value stands.
//
//   {"upstream": {"db": {"server": ["10.0.0.10:6444"]}},
//    "domain": [{"domain_name": "www.domain.com", "type": {"jpg": {"replicate": 3}}, "share": {"/prefix": "URL"}}]}

import {
  ConfigFault,
  type ConfigPlace,
  type ConfigSource,
  type ConfigWord,
} from './config-source.ts';
import {
  type ConfigDirective,
  type ConfigScope,
  type ConfigStatement,
  directiveOf,
  printed,
} from './config-words.ts';

type JsonNode =
  | ({ readonly kind: 'scalar' } & ConfigWord)
  | ({ readonly kind: 'list'; readonly items: readonly JsonNode[] } & ConfigPlace)
  | ({ readonly kind: 'object'; readonly entries: readonly JsonEntry[] } & ConfigPlace);

interface JsonEntry {
  readonly name: ConfigWord;
  readonly node: JsonNode;
}

/** A configuration has four levels, and lists in them. */
const DEPTH_MAX = 16;
const SPACE = /[ \t\r\n]*/y;
const STRING = /"(?:[^"\\\p{Cc}]|\\.)*"/uy;
const BARE = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** @throws ConfigFault at the first place that has no sense */
export function statementsOfJson(source: ConfigSource): readonly ConfigStatement[] {
  return blockOf('file', new JsonReader(source).whole());
}

class JsonReader {
  readonly #source: ConfigSource;
  #at = 0;

  constructor(source: ConfigSource) {
    this.#source = source;
  }

  whole(): JsonNode {
    const node = this.#node(0);
    this.#skip(SPACE);
    if (this.#at < this.#source.text.length)
      throw this.#fault('this is behind the end of the JSON');
    return node;
  }

  #node(depth: number): JsonNode {
    this.#skip(SPACE);
    if (depth > DEPTH_MAX) throw this.#fault('this is nested more deeply than any block is');
    const place = this.#source.placeOf(this.#at);
    switch (this.#source.text[this.#at]) {
      case '{':
        return { kind: 'object', entries: this.#list('}', () => this.#entry(depth)), ...place };
      case '[':
        return { kind: 'list', items: this.#list(']', () => this.#node(depth + 1)), ...place };
      case '"':
        return { kind: 'scalar', ...place, text: this.#string() };
    }
    const text = this.#skip(BARE);
    if (text === '')
      throw this.#fault('a value is missing here: a text in ", a number, true, false, { or [');
    if (text === 'null') throw new ConfigFault(place, 'null is no value: leave the word out');
    return { kind: 'scalar', ...place, text };
  }

  #entry(depth: number): JsonEntry {
    const place = this.#source.placeOf(this.#at);
    if (this.#source.text[this.#at] !== '"') throw this.#fault('a word in " is missing here');
    const name = { ...place, text: this.#string() };
    this.#skip(SPACE);
    if (this.#source.text[this.#at] !== ':')
      throw this.#fault(`a : is missing after ${printed(name)}`);
    this.#at++;
    return { name, node: this.#node(depth + 1) };
  }

  #list<T>(end: string, item: () => T): readonly T[] {
    const opened = this.#source.placeOf(this.#at);
    this.#at++;
    const items: T[] = [];
    for (;;) {
      this.#skip(SPACE);
      const next = this.#source.text[this.#at];
      if (next === undefined)
        throw new ConfigFault(opened, `this is never closed: its ${end} is missing`);
      if (next === end && items.length === 0) break;
      items.push(item());
      this.#skip(SPACE);
      const behind = this.#source.text[this.#at];
      if (behind === end) break;
      if (behind === undefined) continue;
      if (behind !== ',') throw this.#fault(`a , or ${end} is missing here`);
      this.#at++;
      this.#skip(SPACE);
      if (this.#source.text[this.#at] === end) throw this.#fault(`JSON has no , before ${end}`);
    }
    this.#at++;
    return items;
  }

  #string(): string {
    const place = this.#source.placeOf(this.#at);
    const raw = this.#skip(STRING);
    try {
      return String(JSON.parse(raw));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new ConfigFault(
        place,
        'this text is not closed on its line, or has an escape that JSON has not',
      );
    }
  }

  #skip(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const [found = ''] = pattern.exec(this.#source.text) ?? [];
    this.#at += found.length;
    return found;
  }

  #fault(message: string): ConfigFault {
    return new ConfigFault(this.#source.placeOf(this.#at), message);
  }
}

function blockOf(scope: ConfigScope, node: JsonNode): readonly ConfigStatement[] {
  return entriesOf(node, 'a block').flatMap(({ name, node: value }) => {
    const directive = directiveOf(scope, name);
    return (value.kind === 'list' ? value.items : [value]).flatMap((each) =>
      statementsOf(name, directive, each),
    );
  });
}

function statementsOf(
  word: ConfigWord,
  { takes, opens }: ConfigDirective,
  node: JsonNode,
): readonly ConfigStatement[] {
  if (opens !== undefined && takes.length === 0) {
    return [{ word, values: [], body: blockOf(opens, node) }];
  }
  if (opens !== undefined) {
    return entriesOf(node, `${word.text} by ${takes[0]}`).map(({ name, node: body }) => ({
      word,
      values: [name],
      body: blockOf(opens, body),
    }));
  }
  if (takes.length === 1)
    return [{ word, values: [scalarOf(node, takes[0] ?? '')], body: undefined }];
  return entriesOf(node, `${word.text} by ${takes[0]}`).map(({ name, node: value }) => ({
    word,
    values: [name, scalarOf(value, takes[1] ?? '')],
    body: undefined,
  }));
}

function entriesOf(node: JsonNode, what: string): readonly JsonEntry[] {
  if (node.kind === 'object') return node.entries;
  throw new ConfigFault(node, `an object is missing here, which has ${what}`);
}

function scalarOf(node: JsonNode, what: string): ConfigWord {
  if (node.kind === 'scalar') return node;
  throw new ConfigFault(node, `this must be ${what}`);
}
