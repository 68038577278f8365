// The copy of some keys that a client keeps by a watch and by scans, as docs/api.md says it may: takes server-sent events
// as text that comes in pieces, and never the half of one.

export interface CopiedKey {
  /** Undefined where the key has none. */
  readonly value: unknown;
  readonly version: string;
}

const NOTHING = '0'.repeat(16);

export class WatchedCopy {
  /** By the key's JSON. */
  readonly keys = new Map<string, CopiedKey>();
  /** What was told, in order: the kinds of the events. */
  readonly events: string[] = [];
  /** The id of the last event, to come back with. */
  place: string | undefined;
  #rest = '';

  get missed(): number {
    return this.events.filter((event) => event === 'missed').length;
  }

  /** The values of all keys that have one. */
  get values(): Readonly<Record<string, unknown>> {
    const live = [...this.keys].filter(([, { value }]) => value !== undefined);
    return Object.fromEntries(live.map(([key, { value }]) => [key, value]));
  }

  take(text: string): void {
    const blocks = `${this.#rest}${text}`.split('\n\n');
    this.#rest = blocks.pop() ?? '';
    for (const block of blocks) this.#takeEvent(block);
  }

  /** The connection is gone, and half an event with it. */
  cut(): void {
    this.#rest = '';
  }

  /**
   * Takes the lines of a whole scan with values.
   * @param before the keys as they were when the scan began
   */
  scanned(
    lines: readonly Readonly<Record<string, unknown>>[],
    before: ReadonlyMap<string, CopiedKey>,
  ): void {
    const listed = new Set<string>();
    for (const { key, value, etag } of lines) {
      const name = JSON.stringify(key);
      listed.add(name);
      this.#note(name, { value, version: String(etag).slice(1, 17) });
    }
    for (const [name, copied] of before) {
      // What is not listed, and was not told since, is gone.
      if (listed.has(name) || this.keys.get(name) !== copied) continue;
      this.keys.set(name, { value: undefined, version: copied.version });
    }
  }

  #takeEvent(block: string): void {
    const fields = new Map(
      block.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2) as [string, string]),
    );
    this.place = fields.get('id') ?? this.place;
    const event = fields.get('event');
    if (event === undefined) return;
    this.events.push(event);
    if (event === 'missed') return;
    const data = JSON.parse(fields.get('data') ?? '') as Record<string, unknown>;
    const version = String(data.version ?? String(data.etag).slice(1, 17));
    const value = event === 'set' ? data.value : undefined;
    this.#note(JSON.stringify(data.key), { value, version });
  }

  #note(name: string, copied: CopiedKey): void {
    const { version = NOTHING } = this.keys.get(name) ?? {};
    if (copied.version >= version) this.keys.set(name, copied);
  }
}

/** @returns what a whole scan lists, in the form of `WatchedCopy.values` */
export function listedValues(
  lines: readonly Readonly<Record<string, unknown>>[],
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(lines.map(({ key, value }) => [JSON.stringify(key), value]));
}
