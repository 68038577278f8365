// The room for uploads on the file system of a file server: what is free beside the reserve, less what uploads that are
// under way were promised. Pure: others look at the file system, once a second, and tell.

/**
 * So much of the file system is to be free beside the reserve, as far as emptying the trash can do that: uploads stop before
 * they meet the reserve, each by its own length, and would wait for room for ever.
 */
const HEADROOM_SHARE = 0.05;

export interface RoomClaim {
  /** Takes so many bytes more. @returns whether there is room for them */
  grow(bytes: number): boolean;
  /** So many of the bytes are on the disk now. */
  written(bytes: number): void;
  /** Gives back what was not written; does nothing when called again. */
  end(): void;
}

export class DiskRoom {
  readonly #reserveShare: number;
  /** As the file system said when it was looked at last, less what was written since. */
  #freeBytes = 0;
  #totalBytes = 0;
  #promisedBytes = 0;

  /** @param reserveShare the share of the file system that uploads leave free, from 0 to 1 */
  constructor(reserveShare: number) {
    this.#reserveShare = reserveShare;
  }

  looked({ freeBytes, totalBytes }: { readonly freeBytes: number; readonly totalBytes: number }) {
    this.#freeBytes = freeBytes;
    this.#totalBytes = totalBytes;
  }

  get totalBytes(): number {
    return this.#totalBytes;
  }

  get reserveBytes(): number {
    return Math.ceil(this.#totalBytes * this.#reserveShare);
  }

  /** What further uploads may write. */
  get freeBytes(): number {
    return Math.max(0, Math.floor(this.#freeBytes) - this.reserveBytes - this.#promisedBytes);
  }

  /** How many bytes the trash should give up; 0 where there is room for further uploads. */
  get missingBytes(): number {
    const wanted = Math.ceil(this.#totalBytes * HEADROOM_SHARE);
    const taken = this.reserveBytes + this.#promisedBytes;
    return Math.max(0, taken + wanted - Math.floor(this.#freeBytes));
  }

  /** So many bytes were unlinked: counted at once, so that no more goes than has to until the file system is looked at. */
  freed(bytes: number): void {
    this.#freeBytes += bytes;
  }

  /** @returns undefined where there is no room for so many bytes */
  claim(bytes: number): RoomClaim | undefined {
    if (bytes > this.freeBytes) return undefined;
    this.#promisedBytes += bytes;
    let left = bytes;
    return {
      grow: (more) => {
        if (more > this.freeBytes) return false;
        this.#promisedBytes += more;
        left += more;
        return true;
      },
      written: (written) => {
        const ofClaim = Math.min(written, left);
        left -= ofClaim;
        this.#promisedBytes -= ofClaim;
        this.#freeBytes = Math.max(0, this.#freeBytes - written);
      },
      end: () => {
        this.#promisedBytes -= left;
        left = 0;
      },
    };
  }
}
