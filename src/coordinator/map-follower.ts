// Keeps the map of a frontend or cluster client up to date: by a long poll at the controller, and by one exchange with
// any storage node that turns out to have a newer or an older map. The latter spreads maps while the controller is
// away. Which map wins is decided in router.ts.

import {
  type ClusterMap,
  encodeMapVersion,
  isGranted,
  nodeEntry,
  presentIncarnations,
} from '../cluster/model/cluster-map.ts';
import type { Address, NodeId } from '../cluster/model/identity.ts';
import type { Times } from '../cluster/model/limits.ts';
import { received } from '../cluster/model/map-delta.ts';
import type { ControlCaller } from '../cluster/peers/control-client.ts';
import { ControllerContact } from '../cluster/peers/controller-contact.ts';
import type { Runtime } from '../cluster/ports.ts';
import type { CheckedReply } from '../cluster/wire/control-frames.ts';
import { CONTROL, type ControlKind } from '../cluster/wire/control-table.ts';
import type { ControlMessage } from '../cluster/wire/map-json.ts';
import type { MapRefresh, MapSource, Router } from './router.ts';

export interface MapFollowerOptions {
  readonly controller: Address;
  /** Where clients reach this frontend; absent for a cluster client, which does not announce itself (D14). */
  readonly address?: Address | undefined;
  readonly times: Times;
}

export class MapFollower implements MapRefresh {
  readonly #runtime: Runtime;
  readonly #client: ControlCaller;
  readonly #router: Router;
  readonly #options: MapFollowerOptions;
  readonly #refused: (problem: string) => void;
  /** Nodes with a map exchange in progress or just over: or else every waiting set would start one in each round. */
  readonly #askedLately = new Set<NodeId>();
  /** Whether `fetchFromAnyone` has asked a node, and its pause is not over. */
  #hasAskedAnyone = false;
  /** The map that was known when it asked last: as long as there is no other one, the pauses grow. */
  #askedAnyoneAt: ClusterMap | undefined;
  #anyonePauseMs = 0;
  /** H38: asks for deltas, unless the last answer could not be decoded or did not apply to our map. */
  #takesDeltas = true;
  #problem: string | undefined;
  readonly #contact: ControllerContact;

  /**
   * @param refused is called when the controller refuses our time scale (D12) and there is no map; the polls end then
   */
  constructor(
    runtime: Runtime,
    client: ControlCaller,
    router: Router,
    options: MapFollowerOptions,
    refused: (problem: string) => void,
  ) {
    this.#runtime = runtime;
    this.#client = client;
    this.#router = router;
    this.#options = options;
    this.#refused = refused;
    this.#contact = new ControllerContact(runtime, {
      warning: 'no map from the controller',
      timeScale: options.times.scale,
    });
  }

  /** Why there is no map or no newer one, as text for people; undefined while the controller answers. */
  get problem(): string | undefined {
    return this.#problem;
  }

  start(): void {
    this.#poll();
  }

  fetchFrom(node: NodeId): void {
    this.#exchange(node, CONTROL.fetchMap, { since: this.#since('storage') }, (reply) => {
      if (reply.kind === 'message' && reply.message.map !== undefined) {
        this.#router.adopt(reply.message.map, 'storage');
      }
    });
  }

  fetchFromAnyone(): void {
    const { map } = this.#router;
    if (map === undefined || this.#hasAskedAnyone) return;
    const nodes = presentIncarnations(map).filter((node) => isGranted(map, node));
    const asked = nodes[this.#runtime.random.below(Math.max(1, nodes.length))];
    if (asked === undefined) return;
    this.#hasAskedAnyone = true;
    // A partition may stay offline for hours, in which a thousand frontends must not ask all the time.
    const { heartbeatMs, mapPollMs } = this.#options.times;
    const isNews = this.#askedAnyoneAt !== map;
    this.#askedAnyoneAt = map;
    this.#anyonePauseMs = isNews ? heartbeatMs : Math.min(mapPollMs, 2 * this.#anyonePauseMs);
    this.#runtime.timers.after(this.#anyonePauseMs, () => {
      this.#hasAskedAnyone = false;
    });
    this.fetchFrom(asked.node);
  }

  pushTo(node: NodeId): void {
    const message = { map: this.#router.map, delta: undefined };
    this.#exchange(node, CONTROL.pushMap, message, (reply) => {
      if (reply.kind === 'refused') {
        this.#runtime.logger.write('warn', 'a node refused our map', {
          node,
          reason: reply.detail,
        });
      }
    });
  }

  #exchange<Request extends ControlMessage, Reply>(
    node: NodeId,
    kind: ControlKind<Request, Reply>,
    message: Request,
    done: (reply: CheckedReply<Reply>) => void,
  ): void {
    const map = this.#router.map;
    const entry = map === undefined ? undefined : nodeEntry(map, node);
    if (entry === undefined || this.#askedLately.has(node)) return;
    this.#askedLately.add(node);
    const { controlCallMs: timeoutMs, retryMs } = this.#options.times;
    this.#client.call(kind, entry.address, message, { timeoutMs }, (reply) => {
      this.#runtime.timers.after(retryMs, () => this.#askedLately.delete(node));
      done(reply);
    });
  }

  #poll(): void {
    const { controller, address, times } = this.#options;
    // Without a map poll often and briefly: each answer reports what the controller is waiting for.
    const waitMs = this.#router.map === undefined ? times.heartbeatMs : times.mapPollMs;
    const message = {
      since: this.#since('controller'),
      waitMs,
      timeScale: times.scale,
      deltas: this.#takesDeltas,
      frontend: address,
    };
    this.#client.call(
      CONTROL.pollMap,
      controller,
      message,
      { timeoutMs: waitMs + times.controlCallMs, isPatient: true },
      (reply) => {
        this.#takesDeltas = reply.kind === 'message';
        if (reply.kind !== 'message') {
          const problem = `controller ${controller}: ${reply.detail}`;
          const isOfOtherScale = reply.kind === 'refused' && reply.error === 'other-time-scale';
          if (isOfOtherScale && this.#router.map === undefined) return this.#refused(problem);
          this.#pollFailed(problem);
        } else {
          const { waitingFor } = reply.message;
          const news = received(reply.message, this.#router.map);
          if (news.kind === 'unusable') this.#takesDeltas = false;
          const map = news.kind === 'map' ? news.map : undefined;
          const adoption = map === undefined ? undefined : this.#router.adopt(map, 'controller');
          if (adoption === 'other-cluster') {
            this.#pollFailed(`controller ${controller} leads another cluster, ${map?.cluster}`);
          } else if (adoption === 'stale-lineage') {
            this.#pollFailed(`controller ${controller} started from an older map than this one`);
          } else {
            this.#report(waitingFor === undefined ? undefined : `controller waits: ${waitingFor}`);
            this.#poll();
          }
        }
      },
    );
  }

  #pollFailed(problem: string): void {
    this.#report(problem);
    // Operations find a newer map by themselves where their partition has changed (R4), and none where file servers came.
    this.fetchFromAnyone();
    this.#runtime.timers.after(this.#options.times.heartbeatMs, () => this.#poll());
  }

  #since(source: MapSource): string {
    return encodeMapVersion(this.#router.sinceFor(source));
  }

  #report(problem: string | undefined): void {
    this.#problem = problem;
    if (this.#contact.report(problem)) this.#runtime.logger.write('info', 'controller reached');
  }
}
