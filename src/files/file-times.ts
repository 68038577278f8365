// The times of the file layer, in milliseconds: one profile with the factor of the protocol times (D12), so that a slow machine
// runs the same protocol slower.

export interface FileTimes {
  /** How often each file server is asked how it is. */
  readonly askMs: number;
  /** A file server that has not answered for this long is taken to be down, and new blobs go to others. */
  readonly downMs: number;
  /** One that has not answered for this long is taken to be lost: others get the copies that it has. */
  readonly lostMs: number;
  /** A target that takes no bytes of an upload for this long is dropped. */
  readonly stallMs: number;
  /** A copy from which no byte has come for this long is left for the next one, in the first round; see READ_ROUNDS. */
  readonly byteMs: number;
  /** How long a file server may take to bring a blob to its disk, or to fetch it from another one. */
  readonly commitMs: number;
  /**
   * A gateway sets no manifest later than this after the first commit: what is older, and named by none, may be
   * collected (FILES.md, Replicator (d)).
   */
  readonly manifestMs: number;
  /** An upload that nobody commits for so long is removed: who sent it waits for none of these times as long. */
  readonly stagedMs: number;
  /** How long a file server may take to say which of a thousand blobs it has. */
  readonly haveMs: number;
  /** A blob that its owner no longer names stays this long after its commit, as uptime of its server. */
  readonly supersededMs: number;
  /** The same for one whose owner is absent, which may be the upload of a gateway that was stopped in the midst. */
  readonly ownerlessMs: number;
  /** How long what was thrown away stays in the trash, if there is room. */
  readonly trashMs: number;
  /** The shortest time between two passes through all blobs. */
  readonly passMs: number;
  /** The pause between two batches of a pass. */
  readonly batchMs: number;
  /** Each blob is read and checked once in this time. */
  readonly scrubMs: number;
  /** How often a block of any blob is read, to notice a disk that fails. */
  readonly sampleMs: number;
  /** How long the number of copies of a class is remembered where nothing depends on it. */
  readonly classMs: number;
  /** The factor of all of them. */
  readonly scale: number;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

export function fileTimes(scale: number): FileTimes {
  return {
    askMs: 1000 * scale,
    downMs: 2000 * scale,
    lostMs: 600_000 * scale,
    stallMs: 2000 * scale,
    byteMs: 250 * scale,
    commitMs: 30_000 * scale,
    manifestMs: 600_000 * scale,
    stagedMs: 2 * MINUTE_MS * scale,
    haveMs: 10_000 * scale,
    supersededMs: 20 * MINUTE_MS * scale,
    ownerlessMs: DAY_MS * scale,
    trashMs: 7 * DAY_MS * scale,
    passMs: MINUTE_MS * scale,
    batchMs: 1000 * scale,
    scrubMs: 30 * DAY_MS * scale,
    sampleMs: MINUTE_MS * scale,
    classMs: 10_000 * scale,
    scale,
  };
}
