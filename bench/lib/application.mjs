// An application with one client, told by its parent what to do: node application.mjs CLIENT ADDRESS. Keeps so many calls
// in flight for so many seconds, and says how many came to an end and what CPU time that took it.

const [client, address] = process.argv.slice(2);

const CLIENTS = {
  async direct() {
    const { connect } = await import('../../dist/client/index.js');
    const velour = await connect({ controller: address });
    return { get: (key) => velour.get(key), set: (key, value) => velour.set(key, value) };
  },
  async http() {
    const { VelourClient } = await import('../../dist/client/index.js');
    const velour = new VelourClient({ frontends: [address] });
    return { get: (key) => velour.get(key), set: (key, value) => velour.set(key, value) };
  },
  async ioredis() {
    const { Redis } = await import('ioredis');
    const [host, port] = address.split(':');
    const redis = new Redis({ host, port: Number(port), enableAutoPipelining: true });
    return { get: (key) => redis.getBuffer(key), set: (key, value) => redis.set(key, value) };
  },
};

const ready = CLIENTS[client]();
const keyAt = (index) => `key-${String(index).padStart(12, '0')}`;

process.on('disconnect', () => process.exit(0));
process.on('message', async (task) => {
  const store = await ready;
  const value = Buffer.alloc(task.valueBytes, 'v');
  if (task.kind === 'fill') {
    for (let from = 0; from < task.keys; from += 64) {
      const count = Math.min(64, task.keys - from);
      const sets = Array.from({ length: count }, (_, index) =>
        store.set(keyAt(from + index), value),
      );
      await Promise.all(sets);
    }
    process.send({});
    return;
  }
  const call =
    task.kind === 'get'
      ? async (key) => {
          const found = await store.get(key);
          if (found?.length !== task.valueBytes) throw new Error(`${key} is another value`);
        }
      : (key) => store.set(key, value);
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  const untilMs = startedMs + task.seconds * 1000;
  let operations = 0;
  const worker = async () => {
    while (performance.now() < untilMs) {
      await call(keyAt((operations++ * 7919) % task.keys));
    }
  };
  await Promise.all(Array.from({ length: task.inFlight }, worker));
  const { user, system } = process.cpuUsage(cpu);
  const elapsedSeconds = (performance.now() - startedMs) / 1000;
  process.send({ operations, cpuSeconds: (user + system) / 1e6, elapsedSeconds });
});
