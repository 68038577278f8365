// The form of a configuration as words: nginx's without its semicolons, as the original has it. Each word takes a known
// number of values, on its own line; so neither line breaks nor semicolons are needed between words, and both are allowed.
// A word that is wrong is told and passed over; braces that do not match end the reading, for all behind them may be meant elsewhere.

import {
  type ConfigPlace,
  type ConfigSource,
  type ConfigWord,
  FAULTS_MAX,
  type TellFault,
} from './config-source.ts';
import {
  type ConfigBlock,
  type ConfigDirective,
  type ConfigScope,
  type ConfigStatement,
  directiveIn,
  opensElsewhere,
  printed,
  tooManyText,
  unknownText,
} from './config-words.ts';

type ConfigToken =
  | ({ readonly kind: 'word' } & ConfigWord)
  | ({ readonly kind: '{' | '}' } & ConfigPlace)
  | ({ readonly kind: 'unclosed'; readonly quote: string } & ConfigPlace);

const TOKEN =
  /\s+|#[^\n]*|;|([{}])|"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'|([^\s{};"'][^\s{};]*)|["']/gy;

export function blockOfText(source: ConfigSource, tell: TellFault): ConfigBlock {
  return new TextReader(tokensOf(source), tell).block('file', undefined);
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
      yield { kind: 'unclosed', quote: whole, ...place };
    }
  }
}

class TextReader {
  readonly #tokens: Iterator<ConfigToken>;
  readonly #told: TellFault;
  /** What has not been taken yet; undefined at the end of the text. */
  #ahead: ConfigToken | undefined;
  #faults = 0;
  /** Whether something is so wrong that nothing is to be made of what is behind it. */
  #isOver = false;

  constructor(tokens: Iterable<ConfigToken>, tell: TellFault) {
    this.#tokens = tokens[Symbol.iterator]();
    this.#told = tell;
    this.#take();
  }

  #tell(place: ConfigPlace, message: string): void {
    if (this.#isOver) return;
    this.#told(place, message);
    if (++this.#faults >= FAULTS_MAX) this.#stop();
  }

  #stop(): void {
    this.#isOver = true;
    this.#ahead = undefined;
  }

  #end(place: ConfigPlace, message: string): void {
    this.#tell(place, message);
    this.#stop();
  }

  #take(): ConfigToken | undefined {
    const taken = this.#ahead;
    if (this.#isOver) return undefined;
    const { done, value } = this.#tokens.next();
    this.#ahead = done === true ? undefined : value;
    if (this.#ahead?.kind === 'unclosed') {
      const { quote } = this.#ahead;
      this.#end(this.#ahead, `this ${quote} is not closed on its line: put another ${quote}`);
    }
    return taken;
  }

  /** @param opened where the block begins; undefined for the outermost one */
  block(scope: ConfigScope, opened: ConfigPlace | undefined): ConfigBlock {
    const statements: ConfigStatement[] = [];
    let isWhole = true;
    for (;;) {
      const token = this.#take();
      if (token === undefined || token.kind === '}') {
        if (token === undefined && opened !== undefined) this.#end(opened, NEVER_CLOSED);
        if (token !== undefined && opened === undefined) {
          this.#end(token, 'this } closes nothing: take it away, or put the { before');
        }
        return { statements, isWhole: isWhole && !this.#isOver };
      }
      if (token.kind !== 'word') {
        this.#end(token, 'this { follows no word that opens a block');
        continue;
      }
      const statement = this.#statement(scope, token, statements.at(-1));
      if (statement === undefined) isWhole = false;
      else statements.push(statement);
    }
  }

  /** @returns undefined for a word that does not stand in such a block, which is told and passed over */
  #statement(
    scope: ConfigScope,
    word: ConfigWord,
    before: ConfigStatement | undefined,
  ): ConfigStatement | undefined {
    const directive = directiveIn(scope, word);
    if (directive !== undefined) {
      const values = this.#values(word, directive);
      return { word, values, body: this.#body(directive, word, values) };
    }
    if (!this.#isMissingValue(scope, word, before)) {
      const isBehind = before?.body === undefined && before?.word.line === word.line;
      const message = unknownText(scope, word, isBehind ? before : undefined);
      if (scope !== 'file' && opensElsewhere(word)) this.#end(word, message);
      else this.#tell(word, message);
    }
    this.#passOver(scope, word);
    return undefined;
  }

  /** Whether the word is all of a line, and of the one before it that a value is missing there has been told. */
  #isMissingValue(
    scope: ConfigScope,
    word: ConfigWord,
    before: ConfigStatement | undefined,
  ): boolean {
    if (before === undefined || before.word.line === word.line || this.#isOnLine(word))
      return false;
    const takes = directiveIn(scope, before.word)?.takes.length ?? 0;
    return before.values.length < takes;
  }

  #isOnLine({ line }: ConfigPlace): boolean {
    return this.#ahead?.kind === 'word' && this.#ahead.line === line;
  }

  /** Passes over what seems to be the values and the block of a word that nobody knows. */
  #passOver(scope: ConfigScope, word: ConfigWord): void {
    this.#takeUnknown(scope, word);
    if (this.#ahead?.kind !== '{') return;
    const opened = this.#ahead;
    let depth = 0;
    do {
      const token = this.#take();
      if (token === undefined) return this.#end(opened, NEVER_CLOSED);
      if (token.kind === '{') depth++;
      if (token.kind === '}') depth--;
    } while (depth > 0);
  }

  /** @returns the first one on the line that is no word of such a block; it and those that follow it are taken */
  #takeUnknown(scope: ConfigScope, { line }: ConfigPlace): ConfigWord | undefined {
    let first: ConfigWord | undefined;
    while (
      this.#ahead?.kind === 'word' &&
      this.#ahead.line === line &&
      directiveIn(scope, this.#ahead) === undefined
    ) {
      first ??= this.#ahead;
      this.#take();
    }
    return first;
  }

  #values(word: ConfigWord, { takes }: ConfigDirective): readonly ConfigWord[] {
    const values: ConfigWord[] = [];
    for (const what of takes) {
      const token = this.#ahead;
      if (token?.kind !== 'word' || token.line !== word.line) {
        this.#tell(word, `${word.text} takes ${what}, which is missing on its line`);
        break;
      }
      this.#take();
      values.push(token);
    }
    return values;
  }

  #body(
    { takes, opens }: ConfigDirective,
    word: ConfigWord,
    values: readonly ConfigWord[],
  ): ConfigBlock | undefined {
    if (opens === undefined) return undefined;
    const tooMany = this.#takeUnknown(opens, word);
    const token = this.#ahead;
    if (token?.kind === '{') {
      if (tooMany !== undefined) {
        this.#tell(
          tooMany,
          `${printed(tooMany)} is too much here: ${tooManyText(word, takes.length)}`,
        );
      }
      this.#take();
      return this.block(opens, token);
    }
    const line = [word, ...values].map(printed).join(' ');
    this.#end(tooMany ?? token ?? values.at(-1) ?? word, `a { is missing after ${line}`);
    return undefined;
  }
}

const NEVER_CLOSED = 'this { is never closed: its } is missing';
