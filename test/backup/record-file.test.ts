// A file of records: all of them come out, byte for byte and with their places; whatever is done to the file,
// it is noticed, and named by the record that it hit.

import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { RecordFile } from '../../src/backup/record-file.ts';
import { encodeRecord, type StoredRecord } from '../../src/cluster/model/record.ts';
import type { Version } from '../../src/cluster/model/version.ts';
import type { Folder } from '../../src/cluster/ports.ts';
import { openFile, settled, temporaryFolder } from '../helpers/folder.ts';
import { firstFreshSeed, SeededRandom } from '../helpers/random.ts';

interface Taken {
  readonly byte: number;
  readonly record: StoredRecord;
}

async function readFile(
  folder: Folder,
  bytes: Buffer,
  content: { bytes: number; crc: number },
): Promise<{ taken: Taken[]; state: RecordFile['state'] }> {
  const file = await openFile(folder, 'records', true);
  await settled((done) => file.write(0, bytes, done));
  await settled((done) => file.finish(bytes.length, done));
  const records = new RecordFile(file, content);
  const taken: Taken[] = [];
  while (records.state.kind === 'open') {
    const byte = records.position;
    const record = records.take();
    if (record !== undefined) taken.push({ byte, record });
    else if (records.state.kind === 'open') {
      await new Promise<void>((resolve) => records.read(resolve));
    }
  }
  return { taken, state: records.state };
}

function contentOf(bytes: Buffer): { bytes: number; crc: number } {
  return { bytes: bytes.length, crc: crc32(bytes) };
}

/** Some with values that are longer than what is read at once. */
function recordsFrom(random: SeededRandom): StoredRecord[] {
  return Array.from({ length: random.below(60) }, () => {
    const fields = random.recordFields();
    const isLong = fields.tombstone !== true && random.chance(0.05);
    const value = isLong ? Buffer.alloc(random.below(600_000), 'v') : fields.value;
    return encodeRecord({ ...fields, value });
  });
}

const first = firstFreshSeed();
test.each(Array.from({ length: 40 }, (_, index) => first + index))(
  'seed %i: what is in it comes out, and a change of any byte is found at its record',
  async (seed) => {
    const random = new SeededRandom(seed);
    const { folder } = temporaryFolder();
    const records = recordsFrom(random);
    const bytes = Buffer.concat(records);
    const { taken, state } = await readFile(folder, bytes, contentOf(bytes));
    expect(state).toEqual({ kind: 'ended' });
    expect(taken.map(({ record }) => record.equals(records.shift() ?? Buffer.of()))).not.toContain(
      false,
    );
    expect(records).toEqual([]);
    if (bytes.length === 0) return;

    const place = random.below(bytes.length);
    const hit = taken.findLast(({ byte }) => byte <= place);
    const flipped = Buffer.from(bytes);
    flipped[place] = (flipped[place] ?? 0) ^ (1 << random.below(8));
    const after = await readFile(folder, flipped, contentOf(bytes));
    expect(after.state).toMatchObject({ kind: 'damaged', byte: hit?.byte });

    const cut = random.below(bytes.length);
    const shorter = await readFile(folder, bytes.subarray(0, cut), contentOf(bytes));
    expect(shorter.state).toMatchObject({ kind: 'damaged' });
  },
);

test('records that are whole, but not those of the manifest, are refused', async () => {
  const { folder } = temporaryFolder();
  const record = (value: string) =>
    encodeRecord({ key: Buffer.from('k'), version: 1n as Version, value: Buffer.from(value) });
  const { state } = await readFile(folder, record('b'), contentOf(record('a')));
  expect(state).toMatchObject({ kind: 'damaged', reason: expect.stringMatching(/checksum/) });
});

test('what is beyond the length of the manifest is not looked at', async () => {
  const { folder } = temporaryFolder();
  const record = encodeRecord({
    key: Buffer.from('k'),
    version: 1n as Version,
    value: Buffer.from('v'),
  });
  const { taken, state } = await readFile(
    folder,
    Buffer.concat([record, Buffer.from('torn')]),
    contentOf(record),
  );
  expect(state).toEqual({ kind: 'ended' });
  expect(taken).toEqual([{ byte: 0, record }]);
});
