// The bodies of uploads, as clients send them: piece by piece, now and then slowly, and some not as they say.

import type { BytePart, ByteStream } from '../cluster/http/byte-stream.ts';
import type { SeededRandom } from '../cluster/seeded-random.ts';
import type { FileContent } from './file-contents.ts';
import { PiecesStream } from './streams.ts';
import type { World } from './world.ts';

const PIECE_BYTES = [10_000, 150_000] as const;
const PIECE_MS = [0, 4] as const;
/** Now and then a client sends or reads nothing for a while, in ms. */
const SLOW = { chance: 0.01, forMs: [100, 3000] } as const;
/** How a body ends: as a client means it to, or not. */
const ENDINGS = ['whole', 'broken', 'early', 'wrong digest'] as const;
export type BodyEnding = (typeof ENDINGS)[number];
const MISHAP_CHANCE = 0.15;

export function drawEnding(random: SeededRandom, { bytes }: FileContent): BodyEnding {
  // A content of one byte cannot end early.
  if (bytes.length < 2 || !random.chance(MISHAP_CHANCE)) return 'whole';
  return random.pick(ENDINGS);
}

export class FileBodies {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** @param pieceMs how long the client takes for each piece; drawn by default */
  of({ bytes }: FileContent, ending: BodyEnding, pieceMs: number | undefined): ByteStream {
    const { random } = this.#world;
    const isShort = ending === 'broken' || ending === 'early';
    const sent = isShort ? random.below(bytes.length) : bytes.length;
    // A body that ends early can only be told from a whole one where its length was announced.
    const isAnnounced = ending === 'early' || random.chance(0.6);
    const parts: BytePart[] = [];
    for (let at = 0; at < sent; ) {
      const to = Math.min(sent, at + Math.floor(random.between(...PIECE_BYTES)));
      parts.push({ kind: 'bytes', bytes: bytes.subarray(at, to) });
      at = to;
    }
    parts.push(ending === 'broken' ? { kind: 'broken', why: 'gone' } : { kind: 'end' });
    const delayMs = () => pieceMs ?? this.pieceMs();
    return new PiecesStream(this.#world, parts, {
      delayMs,
      ...(isAnnounced ? { length: bytes.length } : {}),
    });
  }

  pieceMs(): number {
    const { random } = this.#world;
    const [fromMs, toMs] = random.chance(SLOW.chance) ? SLOW.forMs : PIECE_MS;
    return random.between(fromMs, toMs);
  }
}
