// Look-ups of host names: one at a time, the last good address kept, and nobody waits for a name server that is silent.

import type { LookupAddress } from 'node:dns';
import { expect, test } from 'vitest';
import { Names, type Resolved, resolvedBy } from '../../../../src/cluster/io/network/names.ts';
import { until } from '../../../helpers/cluster.ts';

const GOOD: Resolved = { kind: 'addresses', addresses: [{ address: '10.0.0.1', family: 4 }] };
const SILENT: Resolved = { kind: 'failed', code: 'EAI_AGAIN' };

/** Names whose look-ups end when the test says so. */
function scripted() {
  const asked: { readonly name: string; readonly done: (resolved: Resolved) => void }[] = [];
  const names = new Names((name, done) => asked.push({ name, done }));
  const answers: Resolved[] = [];
  const ask = (name: string) => names.addressesOf(name, (resolved) => answers.push(resolved));
  const askedFor = () => asked.map(({ name }) => name);
  return { names, asked, askedFor, answers, ask };
}

test('many who ask for a name share one look-up, and other names wait for their turn', () => {
  const { asked, askedFor, answers, ask } = scripted();
  for (let count = 0; count < 100; count++) for (const name of ['a', 'b', 'c']) ask(name);
  expect(askedFor()).toEqual(['a']);
  asked[0]?.done(GOOD);
  expect(answers).toHaveLength(100);
  expect(askedFor()).toEqual(['a', 'b']);
  asked[1]?.done(SILENT);
  expect(answers.slice(100)).toEqual(Array.from({ length: 100 }, () => SILENT));
  expect(askedFor()).toEqual(['a', 'b', 'c']);
});

test('what was good last is given while the name server is silent, and when it fails', async () => {
  const { asked, answers, ask } = scripted();
  ask('a');
  asked[0]?.done(GOOD);
  await until(() => {
    ask('a');
    return asked.length === 2;
  });
  // The second look-up never ends, as long as the test wants.
  const before = answers.length;
  for (let count = 0; count < 50; count++) ask('a');
  await until(() => answers.length >= before + 50);
  expect(asked).toHaveLength(2);
  asked[1]?.done(SILENT);
  ask('a');
  asked[2]?.done({ kind: 'failed', code: 'ENOTFOUND' });
  await until(() => asked.length === 3);
  expect(answers).toEqual(answers.map(() => GOOD));
});

test('a name that has another address by now is given that', async () => {
  const { asked, answers, ask } = scripted();
  const moved: Resolved = { kind: 'addresses', addresses: [{ address: '10.0.0.2', family: 4 }] };
  ask('a');
  asked[0]?.done(GOOD);
  await until(() => {
    ask('a');
    return asked.length === 2;
  });
  asked[1]?.done(moved);
  ask('a');
  await until(() => answers.at(-1)?.kind === 'addresses');
  expect(answers.at(-1)).toEqual(moved);
});

test('who waits without an address is bounded, and so are the names', async () => {
  const { askedFor, answers, ask } = scripted();
  for (let count = 0; count < 3000; count++) ask('a');
  await until(() => answers.length === 3000 - 1024);
  for (let count = 0; count < 3000; count++) ask(`name ${count}`);
  await until(() => answers.length === 3000 - 1024 + 3000 - 1023);
  expect(askedFor()).toEqual(['a']);
});

test('the form that net.connect asks for', async () => {
  const both: Resolved = {
    kind: 'addresses',
    addresses: [
      { address: '::1', family: 6 },
      { address: '127.0.0.1', family: 4 },
    ],
  };
  const names = new Names((_, done) => done(both));
  const ask = (options: object) =>
    new Promise<unknown>((resolve) =>
      names.lookup('a', options, (error, address: string | LookupAddress[], family) =>
        resolve(error === null ? [address, family] : error),
      ),
    );
  expect(await ask({})).toEqual(['::1', 6]);
  expect(await ask({ family: 4 })).toEqual(['127.0.0.1', 4]);
  expect(await ask({ all: true })).toEqual([both.addresses, undefined]);
  const none = new Names((_, done) => done({ kind: 'failed', code: 'ENOTFOUND' }));
  none.lookup('nowhere', {}, (error) => expect(error).toMatchObject({ code: 'ENOTFOUND' }));
});

test('what getent prints', () => {
  const output = '::1 STREAM localhost\n::1 DGRAM\n::1 RAW\n10.0.0.1 STREAM\n10.0.0.1 DGRAM\n';
  expect(resolvedBy(output)).toEqual({
    kind: 'addresses',
    addresses: [
      { address: '::1', family: 6 },
      { address: '10.0.0.1', family: 4 },
    ],
  });
  expect(resolvedBy('')).toEqual({ kind: 'failed', code: 'ENOTFOUND' });
});

test('the own machine is found by the system itself', async () => {
  const resolved = await new Promise<Resolved>((resolve) =>
    new Names().addressesOf('localhost', resolve),
  );
  const addresses = resolved.kind === 'addresses' ? resolved.addresses : [];
  expect(addresses.map(({ address }) => address)).toEqual(
    expect.arrayContaining([expect.stringMatching(/^127\.|^::1$/)]),
  );
});
