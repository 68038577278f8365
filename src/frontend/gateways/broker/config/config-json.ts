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
  FAULTS_MAX,
  type TellFault,
} from './config-source.ts';
import {
  blockText,
  type ConfigBlock,
  type ConfigDirective,
  type ConfigScope,
  type ConfigStatement,
  directiveIn,
  printed,
  unknownText,
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

/** What is no JSON ends the reading; all else that is wrong is told and passed over. */
export function blockOfJson(source: ConfigSource, tell: TellFault): ConfigBlock {
  try {
    return new JsonBlocks(tell).block('file', new JsonReader(source).whole());
  } catch (error) {
    if (!(error instanceof ConfigFault)) throw error;
    tell(error.remark, error.remark.message);
    return { statements: [], isWhole: false };
  }
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

class JsonBlocks {
  readonly #told: TellFault;
  /** How much has been told, by which a block knows whether it is whole. */
  #faults = 0;

  constructor(tell: TellFault) {
    this.#told = tell;
  }

  block(scope: ConfigScope, node: JsonNode): ConfigBlock {
    const before = this.#faults;
    const statements = this.#entries(node, blockText(scope)).flatMap(({ name, node: value }) => {
      const directive = directiveIn(scope, name);
      if (this.#faults >= FAULTS_MAX) return [];
      if (directive === undefined) {
        this.#tell(name, unknownText(scope, name));
        return [];
      }
      return (value.kind === 'list' ? value.items : [value]).flatMap((each) =>
        this.#statements(name, directive, each),
      );
    });
    return { statements, isWhole: this.#faults === before };
  }

  #statements(
    word: ConfigWord,
    { takes, opens }: ConfigDirective,
    node: JsonNode,
  ): readonly ConfigStatement[] {
    const [what = '', second = ''] = takes;
    if (opens !== undefined && takes.length === 0) {
      return [{ word, values: [], body: this.block(opens, node) }];
    }
    const named = () => this.#entries(node, `${word.text} by ${what}`);
    if (opens !== undefined) {
      return named().map(({ name, node: body }) => ({
        word,
        values: [name],
        body: this.block(opens, body),
      }));
    }
    if (takes.length === 1) {
      return [{ word, values: this.#scalar(node, what), body: undefined }];
    }
    return named().map(({ name, node: value }) => ({
      word,
      values: [name, ...this.#scalar(value, second)],
      body: undefined,
    }));
  }

  #entries(node: JsonNode, what: string): readonly JsonEntry[] {
    if (node.kind === 'object') return node.entries;
    this.#tell(node, `an object is missing here, which has ${what}`);
    return [];
  }

  #scalar(node: JsonNode, what: string): readonly ConfigWord[] {
    if (node.kind === 'scalar') return [node];
    this.#tell(node, `this must be ${what}`);
    return [];
  }

  #tell(place: ConfigPlace, message: string): void {
    this.#faults++;
    this.#told(place, message);
  }
}
