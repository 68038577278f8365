// A name server on loopback, on the port that the system's look-ups go to, and processes that ask no other one. All
// hosts below its domain are 127.0.0.1.

import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { inPlaceOf } from './own-mounts.mjs';
import { LeftOut } from './processes.mjs';

/** Nobody else listens on that one. */
const ADDRESS = '127.86.79.71';
const PORT = 53;
const DOMAIN = 'velour.test';
const HEADER_BYTES = 12;
const TYPE_A = 1;
/** A response to a recursive query, without an error. */
const FLAGS = 0x8180;
/** The name of the question, type A, class IN, a time to live of 0, and the address in four bytes. */
const ANSWER = [0xc0, 0x0c, 0, TYPE_A, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1];
const run = promisify(execFile);

export const hostOf = (name) => `${name}.${DOMAIN}`;

export class NameServer {
  #socket = createSocket('udp4');
  isSilent = false;
  /** Questions that got no answer. */
  unanswered = 0;

  /** @param resolvConf where a file for its clients is written */
  static async start(resolvConf) {
    writeFileSync(resolvConf, `nameserver ${ADDRESS}\n`);
    const server = new NameServer();
    server.before = inPlaceOf('/etc/resolv.conf', resolvConf);
    try {
      await server.#listen();
      const [command, ...words] = [...server.before, 'getent', 'ahosts', hostOf('probe')];
      await run(command, words);
    } catch (error) {
      await server.stop();
      throw new LeftOut(`no name server can be had here: ${error.message.split('\n')[0]}`);
    }
    return server;
  }

  async #listen() {
    this.#socket.on('message', (question, { port, address }) => {
      if (this.isSilent) this.unanswered++;
      else this.#socket.send(answerTo(question), port, address);
    });
    this.#socket.bind(PORT, ADDRESS);
    await once(this.#socket, 'listening');
  }

  async stop() {
    await new Promise((resolve) => this.#socket.close(resolve));
  }
}

function answerTo(question) {
  let end = HEADER_BYTES;
  while (question[end] !== 0) end += question[end] + 1;
  const type = question.readUInt16BE(end + 1);
  // The root label, then type and class; what may come behind them is not repeated.
  const head = Buffer.from(question.subarray(0, end + 5));
  head.writeUInt16BE(FLAGS, 2);
  head.writeUInt16BE(type === TYPE_A ? 1 : 0, 6);
  head.writeUInt32BE(0, 8);
  return type === TYPE_A ? Buffer.concat([head, Buffer.from(ANSWER)]) : head;
}
