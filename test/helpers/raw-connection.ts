// A connection on which bytes are sent as they are, whether or not they are requests, and some of which are cut.

import { connect } from 'node:net';
import type { SeededRandom } from './random.ts';

/** @returns all that was answered on one connection */
export function playRaw(address: string, bytes: Buffer, random: SeededRandom): Promise<Buffer> {
  const [host = '', port = ''] = address.split(':');
  const isCut = random.chance(0.1);
  const sent = isCut ? bytes.subarray(0, random.below(bytes.length)) : bytes;
  return new Promise((resolve) => {
    const came: Buffer[] = [];
    const socket = connect({ host, port: Number(port), allowHalfOpen: true });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(Buffer.concat(came)));
    socket.on('data', (piece) => came.push(piece as Buffer));
    socket.on('end', () => socket.end());
    socket.write(sent, () => (isCut ? socket.resetAndDestroy() : socket.end()));
  });
}
