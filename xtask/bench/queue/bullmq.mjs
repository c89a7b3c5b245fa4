// BullMQ on Redis: node bullmq.mjs (run | idle) SOCKET JOBS
import { Queue, Worker } from "bullmq";
import { idle, measure, result } from "./work.mjs";

// Many jobs in hand: what they settle at one moment is one write and one sync for Redis.
const CONCURRENCY = 200;
const [mode, path, jobs] = process.argv.slice(2);
const connection = { path, maxRetriesPerRequest: null };

const work = (name, n) =>
  new Promise((resolve, reject) => {
    let done = 0;
    const worker = new Worker(name, async (job) => result(job.data), { connection, concurrency: CONCURRENCY });
    worker.on("error", reject);
    worker.on("failed", (_, error) => reject(error));
    worker.on("completed", () => {
      if (++done === n) resolve(worker);
    });
  });

const kept = async (queue) => {
  let found = 0;
  for (let from = 0; ; from += 1000) {
    const page = await queue.getJobs(["completed"], from, from + 999);
    found += page.filter((job) => job.returnvalue?.renditions).length;
    if (page.length < 1000) return found;
  }
};

const open = async (name) => {
  const queue = new Queue(name, { connection });
  await queue.waitUntilReady();
  return {
    one: (data) => queue.add("photo", data),
    many: (all) => queue.addBulk(all.map((data) => ({ name: "photo", data }))),
    work: async (n) => {
      const worker = await work(name, n);
      return () => worker.close();
    },
    kept: () => kept(queue),
  };
};

if (mode === "idle") {
  const worker = new Worker("bench", async (job) => result(job.data), { connection, concurrency: CONCURRENCY });
  await worker.waitUntilReady();
  await idle();
} else {
  await measure(Number(jobs), open);
}
process.exit(0);
