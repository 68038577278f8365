// Looks that many changes share: none is served by a look that began before it was made.

import { expect, test } from 'vitest';
import type { FindFileOutcome } from '../../../../src/files/outcomes.ts';
import { DAV_SPACE, type DavPath } from '../../../../src/frontend/gateways/dav/dav-path.ts';
import { SharedLooks } from '../../../../src/frontend/gateways/dav/look-around.ts';
import type { DavParts } from '../../../../src/frontend/gateways/dav/resources.ts';

const pathOf = (name: string): DavPath => ({
  space: DAV_SPACE,
  segments: [Buffer.from(name)],
  endsInSlash: true,
});

test('a look is for those who came before it began, and for all of them', () => {
  const open: ((outcome: FindFileOutcome) => void)[] = [];
  const files = {
    find: (_key: Buffer, callback: (outcome: FindFileOutcome) => void) => open.push(callback),
  };
  const looks = new SharedLooks({ files, clock: { wallMs: () => 0 } } as unknown as DavParts);
  const served: string[] = [];
  const ask = (who: string, path = 'c') => looks.find(pathOf(path), () => served.push(who));
  const end = () => open.shift()?.({ kind: 'absent' });

  ask('first');
  ask('second');
  ask('third');
  ask('elsewhere', 'd');
  expect(open).toHaveLength(2);
  end();
  expect(served).toEqual(['first']);
  ask('fourth');
  end();
  expect(served).toEqual(['first', 'elsewhere']);
  // One look for the second and the third, and then one for the fourth.
  expect(open).toHaveLength(1);
  end();
  expect(served).toEqual(['first', 'elsewhere', 'second', 'third']);
  expect(open).toHaveLength(1);
  end();
  expect(served).toEqual(['first', 'elsewhere', 'second', 'third', 'fourth']);
  expect(open).toHaveLength(0);
  ask('fifth');
  end();
  expect(served.at(-1)).toBe('fifth');
});
