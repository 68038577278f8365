// `velour files gc`: what file servers have found that no file names, as their last passes say; and for those that collect
// nothing because that is so much, the word of the operator that they may (FILES.md, "Collection").

import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import { type Address, address } from '../../cluster/model/identity.ts';
import { FILE_SERVERS_MAX } from '../../cluster/model/limits.ts';
import {
  dictionary,
  flag,
  integer,
  object,
  optional,
  type ShapeOf,
} from '../../cluster/wire/shapes.ts';
import { bytesText, counted, countText } from '../cluster/node-texts.ts';
import { look, lookAtFileServer, tellFileServer } from '../controller-calls.ts';
import { CONTROLLER_OPTION, type Command } from '../options.ts';
import { onOneLine, printData, say } from '../printing.ts';
import { type Column, tableOf } from '../table.ts';

const nodes = object({
  fileServers: optional(dictionary(object({ address }), { max: FILE_SERVERS_MAX })),
});

const size = integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const held = { blobs: size, bytes: size };
/** The part of a file server's `/status` that tells of what nobody names. */
export const collectionStatus = object({
  ...held,
  trash: object(held),
  corrupt: object(held),
  /** Undefined until it has joined; its figures until the first pass is over. */
  pass: optional(
    object({
      looked: optional(size),
      incomplete: optional(size),
      unknown: optional(size),
      ownerless: optional(size),
      collected: optional(size),
      suspended: optional(flag),
    }),
  ),
});
export type CollectionStatus = ShapeOf<typeof collectionStatus>;

/** What a file server has said; undefined where it has said nothing. */
export interface CollectionLook {
  readonly node: string;
  readonly address: Address;
  readonly status: CollectionStatus | undefined;
}

const COLUMNS: readonly Column[] = [
  { title: 'FILE SERVER' },
  { title: 'BLOBS', isFigure: true },
  { title: 'BYTES', isFigure: true },
  { title: 'OWNERLESS', isFigure: true },
  { title: 'UNKNOWN', isFigure: true },
  { title: 'TRASH', isFigure: true },
  { title: 'ITS BYTES', isFigure: true },
  { title: 'CORRUPT', isFigure: true },
  { title: 'COLLECTION' },
];

export const filesGcCommand: Command = {
  usage: 'files gc',
  describe:
    'Show what file servers have that no file names, as their last passes have found; with --yes those that stopped to collect, because it is so much, go on',
  options: {
    ...CONTROLLER_OPTION,
    yes: {
      type: 'boolean',
      default: false,
      describe: 'So many files were really deleted: let those that are suspended collect',
    },
    json: { type: 'boolean', default: false, describe: 'Print the answer as JSON' },
  },
  positionals: {},
  examples: [['velour files gc --yes', 'after a look at how much that is']],
  async run(words) {
    const { fileServers = {} } = await look(words, '/status', nodes);
    const looks = await Promise.all(
      Object.entries(fileServers).map(async ([node, { address }]): Promise<CollectionLook> => {
        const reply = await lookAtFileServer(address, '/status', collectionStatus);
        if (reply.kind === 'message') return { node, address, status: reply.message };
        say(`${onOneLine(`velour: ${node}: ${reply.detail}`)}\n`);
        return { node, address, status: undefined };
      }),
    );
    const told = words.flag('yes') ? await tellSuspended(looks) : [];
    const answer = {
      fileServers: Object.fromEntries(looks.map((one) => [one.node, one.status ?? null])),
      told,
    };
    const text = collectionText(looks, told);
    await printData(`${words.flag('json') ? JSON.stringify(answer) : text}\n`);
    process.exit(looks.every(({ status }) => status !== undefined) ? 0 : EXIT.unavailable);
  },
};

/** @returns the names of those that go on */
async function tellSuspended(looks: readonly CollectionLook[]): Promise<readonly string[]> {
  const suspended = looks.filter(isSuspended);
  for (const { node, address } of suspended) {
    const reply = await tellFileServer(address, '/collect');
    if (reply.kind !== 'message')
      throw new FatalError(EXIT.unavailable, `${node}: ${reply.detail}`);
  }
  return suspended.map(({ node }) => node);
}

function isSuspended({ status }: CollectionLook): boolean {
  return status?.pass?.suspended === true;
}

export function collectionText(looks: readonly CollectionLook[], told: readonly string[]): string {
  if (looks.length === 0) return 'there is no file server';
  const rows = looks.map((one) => rowOf(one, told));
  const left = looks.filter((one) => isSuspended(one) && !told.includes(one.node));
  const advice =
    left.length === 0
      ? []
      : [
          `${counted(left.length, 'file server')} ${left.length === 1 ? 'collects' : 'collect'} nothing: of more than a thousand blobs, and a tenth of all, the records are absent.`,
          'If so many files were deleted, say velour files gc --yes; if records were lost, restore them, or see velour files rebuild.',
        ];
  return [...tableOf(COLUMNS, rows).map(onOneLine), ...advice].join('\n');
}

function rowOf(one: CollectionLook, told: readonly string[]): readonly string[] {
  const { node, status } = one;
  const { pass } = status ?? {};
  return [
    node,
    countText(status?.blobs),
    bytesText(status?.bytes),
    countText(pass?.ownerless),
    countText(pass?.unknown),
    countText(status?.trash.blobs),
    bytesText(status?.trash.bytes),
    countText(status?.corrupt.blobs),
    stateOf(one, told),
  ];
}

function stateOf({ node, status }: CollectionLook, told: readonly string[]): string {
  if (status === undefined) return 'silent';
  if (told.includes(node)) return 'goes on with the next pass';
  if (status.pass?.looked === undefined) return 'no pass yet';
  return status.pass.suspended === true ? 'suspended' : 'runs';
}
