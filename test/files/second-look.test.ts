// The second look of a change: what it lets stand, what it undoes, and what nobody knows then.

import { describe, expect, test } from 'vitest';
import type { Condition } from '../../src/cluster/model/condition.ts';
import { recordValue } from '../../src/cluster/model/record.ts';
import { DEFAULT_CLASS } from '../../src/files/file-key.ts';
import { asFound, fileOf, setFileRecord } from '../../src/files/file-record.ts';
import { decodeManifest, encodeManifest, type FileManifest } from '../../src/files/manifest.ts';
import type { FileCondition, SecondLook, SetFileOutcome } from '../../src/files/outcomes.ts';
import { type ChangeFate, keepIfClear } from '../../src/files/second-look.ts';
import { KEY } from '../helpers/file-stage.ts';
import { MemoryOperations } from '../helpers/memory-operations.ts';

function manifestOf(content: string): FileManifest {
  const digests = { sha512: 'a'.repeat(128), md5: 'b'.repeat(32) };
  const told = { ...digests, modifiedMs: 1, replicationClass: DEFAULT_CLASS };
  return { ...told, size: content.length, kind: 'inline', content: Buffer.from(content) };
}

class Stage {
  readonly memory = new MemoryOperations();
  /** What is done when somebody looks, and what is seen then. */
  meanwhile: () => void = () => undefined;
  seen: Parameters<Parameters<SecondLook>[0]>[0] = 'barred';

  readonly lookAgain: SecondLook = (callback) => {
    this.meanwhile();
    callback(this.seen);
  };

  get content(): string | undefined {
    const record = this.memory.recordOf(KEY);
    const manifest = record && decodeManifest(recordValue(record));
    return manifest?.kind === 'inline' ? manifest.content.toString() : undefined;
  }

  keep(content: string) {
    return this.memory.keep(KEY, encodeManifest(manifestOf(content)));
  }

  set(content: string, condition: FileCondition = this.asItIs): SetFileOutcome {
    const { lookAgain } = this;
    const told: SetFileOutcome[] = [];
    const set = { key: KEY, manifest: manifestOf(content), condition: { ...condition, lookAgain } };
    setFileRecord(this.memory.operations, set, (outcome) => told.push(outcome));
    const [outcome] = told;
    if (outcome === undefined || told.length > 1) throw new Error('it ends once');
    return outcome;
  }

  delete(): ChangeFate[] {
    const { conditional } = this.memory.operations;
    const former = this.memory.recordOf(KEY);
    const fates: ChangeFate[] = [];
    const request = { key: KEY, condition: {}, change: { kind: 'delete' } } as const;
    conditional.write(request, () => {
      const change = { key: KEY, own: undefined, former, lookAgain: this.lookAgain };
      keepIfClear(conditional, change, (fate) => fates.push(fate));
    });
    return fates;
  }

  get asItIs(): Condition {
    const record = this.memory.recordOf(KEY);
    return asFound(record && fileOf(record));
  }
}

describe('a change', () => {
  test('stays where it is clear', () => {
    const stage = new Stage();
    stage.seen = 'clear';
    expect(stage.set('new')).toMatchObject({ kind: 'stored', created: true });
    expect(stage.set('newer')).toMatchObject({ kind: 'stored', created: false });
    expect(stage.content).toBe('newer');
    expect(stage.delete()).toEqual(['kept']);
    expect(stage.content).toBeUndefined();
  });

  test('is undone where it is barred: what was there before is there again', () => {
    const stage = new Stage();
    expect(stage.set('new')).toEqual({ kind: 'unmet', file: undefined, isUndone: true });
    expect(stage.content).toBeUndefined();
    stage.keep('former');
    const outcome = stage.set('new');
    expect(outcome).toMatchObject({ kind: 'unmet', file: { manifest: manifestOf('former') } });
    expect(stage.content).toBe('former');
    // What is there again can be changed on the condition that it is still that.
    const record = stage.memory.recordOf(KEY);
    expect(outcome).toMatchObject({ file: { record }, isUndone: true });
    expect(stage.set('new', {})).toMatchObject({ kind: 'unmet' });
    expect(stage.content).toBe('former');
    expect(stage.delete()).toEqual(['undone']);
    expect(stage.content).toBe('former');
  });

  test('is left to whoever has changed it again, and nobody knows what became of it', () => {
    const stage = new Stage();
    stage.meanwhile = () => stage.keep('theirs');
    expect(stage.set('new')).toMatchObject({ kind: 'unknown' });
    expect(stage.content).toBe('theirs');
    expect(stage.set('new')).toMatchObject({ kind: 'unknown' });
    expect(stage.content).toBe('theirs');
    expect(stage.delete()).toEqual(['unclear']);
    expect(stage.content).toBe('theirs');
  });

  test('that somebody has deleted since is undone where nothing was there before', () => {
    const stage = new Stage();
    const remove = () => {
      const request = { key: KEY, condition: {}, change: { kind: 'delete' } } as const;
      stage.memory.operations.conditional.write(request, () => undefined);
    };
    stage.meanwhile = remove;
    expect(stage.set('new')).toEqual({ kind: 'unmet', file: undefined, isUndone: true });
    stage.keep('former');
    expect(stage.set('new')).toMatchObject({ kind: 'unknown' });
    expect(stage.content).toBeUndefined();
  });

  test('is neither kept nor undone where nobody can look', () => {
    const stage = new Stage();
    stage.seen = 'unclear';
    expect(stage.set('new')).toMatchObject({ kind: 'unknown' });
    expect(stage.content).toBe('new');
    expect(stage.delete()).toEqual(['unclear']);
  });
});
