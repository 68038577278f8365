// What whoever carries streamed bodies between a client and a service must do, as one suite: it runs on io/server over
// sockets and on the simulator.

import { describe, expect, test } from 'vitest';
import { PIECE_BYTES, type StreamingService, sha1 } from '../helpers/streaming-service.ts';

export interface StreamAnswer {
  readonly status: number;
  readonly body: Buffer;
  /** Whether the body came to its end. */
  readonly isWhole: boolean;
}

export interface StreamFixture {
  readonly service: StreamingService;
  /** @param breaksOff the client goes away behind the last piece, and the answer is undefined */
  put(
    target: string,
    pieces: readonly Buffer[],
    options?: { readonly breaksOff?: true; readonly announced?: boolean },
  ): Promise<StreamAnswer | undefined>;
  /** @param readsMax the client goes away when it has got that many bytes */
  get(target: string, readsMax?: number): Promise<StreamAnswer>;
  passUntil(condition: () => boolean): Promise<void>;
}

export function streamContract(name: string, make: () => Promise<StreamFixture>): void {
  describe(`${name}: bodies that stream`, () => {
    const pieces = [Buffer.from('one'), Buffer.alloc(300_000, 'y'), Buffer.from('three')];
    const whole = Buffer.concat(pieces);

    test.each([true, false])('come in as they were sent, announced: %s', async (announced) => {
      const { put, service } = await make();
      const answer = await put('/in', pieces, { announced });
      expect(answer?.status).toBe(200);
      expect(answer?.body.toString()).toBe(`${whole.length} ${sha1(whole)}\n`);
      expect(service.ended).toEqual([`${whole.length} bytes`]);
    });

    test('that break off are broken to the service, and never ended', async () => {
      const { put, service, passUntil } = await make();
      expect(await put('/in', pieces, { breaksOff: true })).toBeUndefined();
      await passUntil(() => service.ended.length > 0);
      expect(service.ended).toEqual(['gone']);
    });

    test('are handed over no more once their service has replied', async () => {
      const { put, service } = await make();
      expect((await put('/refuse-asked', [Buffer.from('one')], { announced: true }))?.status).toBe(
        403,
      );
      // Whatever came of it would have come before this one's end.
      expect((await put('/in', pieces))?.status).toBe(200);
      expect(service.ended).toEqual([`${whole.length} bytes`]);
    });

    test.each([true, false])('go out while they come in, announced: %s', async (announced) => {
      const { put, service } = await make();
      const answer = await put('/echo', pieces, { announced });
      expect([answer?.status, answer?.isWhole, answer?.body.equals(whole)]).toEqual([
        200,
        true,
        true,
      ]);
      expect(service.ended).toEqual(['echoed']);
    });

    test.each(['', '&chunked'])('go out whole%s', async (form) => {
      const { get } = await make();
      const bytes = 5 * PIECE_BYTES + 7;
      const answer = await get(`/out?bytes=${bytes}${form}`);
      expect([answer.status, answer.isWhole, answer.body.length]).toEqual([200, true, bytes]);
      expect(answer.body.equals(Buffer.alloc(bytes, 'x'))).toBe(true);
    });

    test.each(['', '&chunked'])(
      'whose producer fails are not whole to the client%s',
      async (form) => {
        const { get } = await make();
        const bytes = 3 * PIECE_BYTES;
        const length = form === '' ? `&length=${bytes + 1}` : '';
        const answer = await get(`/out?bytes=${bytes}&breaks=1${form}${length}`);
        expect([answer.status, answer.isWhole]).toEqual([200, false]);
      },
    );

    test('whose client goes away are asked for no more', async () => {
      const { get, service, passUntil } = await make();
      const pieceCount = 10_000;
      const answer = await get(`/out?bytes=${pieceCount * PIECE_BYTES}`, 3 * PIECE_BYTES);
      expect(answer.isWhole).toBe(false);
      await passUntil(() => service.discarded);
      expect(service.asked).toBeLessThan(pieceCount);
    });
  });
}
