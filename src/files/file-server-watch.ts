// Knows of each file server in the map whether it is up, what room it has, and how busy it is: asks it once a second. None of
// that is in the map, so that a restart moves nothing. Used by frontends and by file servers. Where one has a newer map, that is
// fetched: operations on records find newer maps by themselves (R4), but none of a map that differs in file servers only.

import { compareMapVersions, type MapVersion } from '../cluster/model/cluster-map.ts';
import type { FileServerEntry } from '../cluster/model/file-server.ts';
import type { Address, NodeId } from '../cluster/model/identity.ts';
import type { Runtime } from '../cluster/ports.ts';
import { fileServerRoom } from '../cluster/wire/file-server-room.ts';
import type { MapRefresh, Router } from '../coordinator/router.ts';
import type { FileTimes } from './file-times.ts';
import type { PlacedServer } from './placement.ts';

interface AskedServer {
  readonly id: NodeId;
  readonly address: Address;
  /** How many questions it was sent since it last answered; counted, because a process that was stopped asks none. */
  unanswered: number;
  hasAnswered: boolean;
  /** As it says itself; undefined where it has said none. */
  publicAddress: Address | undefined;
  freeBytes: number;
  busy: number;
}

export class FileServerWatch {
  readonly #runtime: Runtime;
  readonly #router: Pick<Router, 'map'>;
  readonly #refresh: Pick<MapRefresh, 'fetchFromAnyone'>;
  readonly #times: FileTimes;
  #watched = new Map<NodeId, AskedServer>();

  constructor(
    runtime: Runtime,
    router: Pick<Router, 'map'>,
    refresh: Pick<MapRefresh, 'fetchFromAnyone'>,
    times: FileTimes,
  ) {
    this.#runtime = runtime;
    this.#router = router;
    this.#refresh = refresh;
    this.#times = times;
  }

  start(): void {
    this.#round();
    this.#runtime.timers.after(this.#times.askMs, () => this.start());
  }

  /** Whether it answered lately. One that nobody had the time to ask yet counts as up: an attempt will tell. */
  isUp(id: NodeId): boolean {
    return this.#silentMs(id) < this.#times.downMs;
  }

  /** Whether it has been silent for so long that others are to have its copies. */
  isLost(id: NodeId): boolean {
    return this.#silentMs(id) >= this.#times.lostMs;
  }

  /** Whether it is up, and so many bytes fit beside what it keeps free. */
  hasRoom(id: NodeId, bytes: number): boolean {
    const watched = this.#watched.get(id);
    if (!this.isUp(id)) return false;
    return watched === undefined || !watched.hasAnswered || watched.freeBytes >= bytes;
  }

  /** The number of uploads and downloads under way there, when it said so last. */
  busyOf(id: NodeId): number {
    return this.#watched.get(id)?.busy ?? 0;
  }

  /** What it has said of itself last; undefined before that. */
  toldBy(id: NodeId): { readonly freeBytes: number; readonly busy: number } | undefined {
    const watched = this.#watched.get(id);
    if (watched === undefined || !watched.hasAnswered) return undefined;
    return { freeBytes: watched.freeBytes, busy: watched.busy };
  }

  /** Where clients reach it: what it says, or else its address in the map. */
  publicAddressOf({ id, entry }: PlacedServer): Address {
    return this.#watched.get(id)?.publicAddress ?? entry.address;
  }

  /** An attempt to reach it has failed: it counts as down until it answers. */
  failed(id: NodeId): void {
    const watched = this.#watched.get(id);
    if (watched === undefined) return;
    watched.unanswered = Math.max(watched.unanswered, this.#unansweredWhenDown);
  }

  get #unansweredWhenDown(): number {
    return 1 + Math.ceil(this.#times.downMs / this.#times.askMs);
  }

  /** A question is under way all the time: the first one of them alone says nothing. */
  #silentMs(id: NodeId): number {
    const unanswered = this.#watched.get(id)?.unanswered ?? 0;
    return Math.max(0, unanswered - 1) * this.#times.askMs;
  }

  #round(): void {
    const servers = Object.entries(this.#router.map?.fileServers ?? {});
    const watched = new Map<NodeId, AskedServer>();
    for (const [name, entry] of servers) {
      const id = name as NodeId;
      const each = this.#known(id, entry);
      watched.set(id, each);
      this.#ask(each);
    }
    this.#watched = watched;
  }

  #known(id: NodeId, { address }: FileServerEntry): AskedServer {
    const known = this.#watched.get(id);
    if (known?.address === address) return known;
    return { id, address, unanswered: 0, hasAnswered: false, ...NOTHING_SAID };
  }

  #ask(watched: AskedServer): void {
    const { address } = watched;
    watched.unanswered++;
    const timeoutMs = this.#times.downMs;
    this.#runtime.network.call({ address, method: 'GET', path: '/room', timeoutMs }, (outcome) => {
      if (outcome.kind === 'failed' || outcome.status !== 200) return;
      try {
        const room = fileServerRoom(outcome.message);
        const { id, freeBytes, busy, readOnly, publicAddress } = room;
        if (id !== watched.id) return;
        if (this.#isNewer(room.mapVersion)) this.#refresh.fetchFromAnyone();
        watched.unanswered = 0;
        watched.hasAnswered = true;
        watched.freeBytes = readOnly ? 0 : freeBytes;
        watched.busy = busy;
        watched.publicAddress = publicAddress;
      } catch {
        // Something else has its address: it is not up.
      }
    });
  }

  #isNewer(version: MapVersion | undefined): boolean {
    const known = this.#router.map?.version;
    if (version === undefined || known === undefined) return false;
    return compareMapVersions(version, known) > 0;
  }
}

const NOTHING_SAID = { publicAddress: undefined, freeBytes: 0, busy: 0 } as const;
