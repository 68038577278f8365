// The form of a configuration as words: nginx's without its semicolons, as the original has it. Each word takes a known
// number of values, on its own line; so neither line breaks nor semicolons are needed between words, and both are allowed.

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

type ConfigToken =
  | ({ readonly kind: 'word' } & ConfigWord)
  | ({ readonly kind: '{' | '}' } & ConfigPlace);

const TOKEN =
  /\s+|#[^\n]*|;|([{}])|"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'|([^\s{};"'][^\s{};]*)|["']/gy;

/** @throws ConfigFault at the first place that has no sense */
export function statementsOfText(source: ConfigSource): readonly ConfigStatement[] {
  return new TextReader(tokensOf(source)).statements('file', undefined);
}

function* tokensOf(source: ConfigSource): Generator<ConfigToken> {
  for (const match of source.text.matchAll(TOKEN)) {
    const [whole, brace, double, single, bare] = match;
    const quoted = double ?? single;
    const place = source.placeOf(match.index);
    if (brace !== undefined) yield { kind: brace as '{' | '}', ...place };
    else if (bare !== undefined) yield { kind: 'word', ...place, text: bare };
    else if (quoted !== undefined) {
      yield { kind: 'word', ...place, text: quoted.replace(/\\(.)/gu, '$1') };
    } else if (whole === '"' || whole === "'") {
      throw new ConfigFault(place, `this ${whole} is not closed on its line: put another ${whole}`);
    }
  }
}

class TextReader {
  readonly #tokens: Iterator<ConfigToken>;
  /** What has not been taken yet; undefined at the end of the text. */
  #ahead: ConfigToken | undefined;

  constructor(tokens: Iterable<ConfigToken>) {
    this.#tokens = tokens[Symbol.iterator]();
    this.#take();
  }

  #take(): ConfigToken | undefined {
    const taken = this.#ahead;
    const { done, value } = this.#tokens.next();
    this.#ahead = done === true ? undefined : value;
    return taken;
  }

  /** @param opened where the block begins; undefined for the outermost one */
  statements(scope: ConfigScope, opened: ConfigPlace | undefined): readonly ConfigStatement[] {
    const statements: ConfigStatement[] = [];
    for (;;) {
      const token = this.#take();
      if (token === undefined) {
        if (opened === undefined) return statements;
        throw new ConfigFault(opened, 'this { is never closed: its } is missing');
      }
      switch (token.kind) {
        case 'word':
          statements.push(this.#statement(scope, token, statements.at(-1)));
          break;
        case '{':
          throw new ConfigFault(token, 'this { follows no word that opens a block');
        case '}':
          if (opened !== undefined) return statements;
          throw new ConfigFault(token, 'this } closes nothing: take it away, or put the { before');
      }
    }
  }

  #statement(
    scope: ConfigScope,
    word: ConfigWord,
    before: ConfigStatement | undefined,
  ): ConfigStatement {
    const isBehind = before?.body === undefined && before?.word.line === word.line;
    const directive = directiveOf(scope, word, isBehind ? before : undefined);
    const values = directive.takes.map((what) => this.#value(word, what));
    return { word, values, body: this.#body(directive, word, values) };
  }

  #value(word: ConfigWord, what: string): ConfigWord {
    const token = this.#ahead;
    if (token?.kind !== 'word' || token.line !== word.line) {
      throw new ConfigFault(word, `${word.text} takes ${what}, which is missing on its line`);
    }
    this.#take();
    return token;
  }

  #body(
    { opens }: ConfigDirective,
    word: ConfigWord,
    values: readonly ConfigWord[],
  ): readonly ConfigStatement[] | undefined {
    if (opens === undefined) return undefined;
    const token = this.#ahead;
    if (token?.kind === '{') {
      this.#take();
      return this.statements(opens, token);
    }
    const line = [word, ...values].map(printed).join(' ');
    throw new ConfigFault(token ?? values.at(-1) ?? word, `a { is missing after ${line}`);
  }
}
