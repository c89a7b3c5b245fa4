// The work that every queue is given, and how it is timed: jobs of the size of Stopbath's rows, results of the size of
// its results. What is not timed is done a little beforehand, so that compilers have seen it.
import { randomUUID } from "node:crypto";

export const CALLERS = 64;
export const TOGETHER = 100;
export const WARM_UP = 2000;

const hex = (name) => name.replaceAll("-", "").padStart(64, "0");

export const job = () => {
  const id = randomUUID();
  return {
    pipeline: "photos",
    plan: hex("5"),
    original: { digest: hex(id), length: 2_000_000 },
    owner: "bench",
    filename: "holiday.jpg",
    cost: 100,
  };
};

export const result = ({ original }) => ({
  renditions: [
    {
      name: "thumb",
      blob: { digest: original.digest, length: 20_000 },
      media_type: "image/webp",
      width: 320,
      height: 240,
      key: original.digest,
    },
  ],
  report: { steps: [{ id: "decode", ms: 12 }, { id: "thumb", ms: 5 }] },
});

// `callers` at once, until `n` calls were made.
export const calls = async (n, callers, call) => {
  let left = n;
  const caller = async () => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: callers }, caller));
};

export const rate = async (jobs, work) => {
  const begun = performance.now();
  await work();
  return (jobs * 1000) / (performance.now() - begun);
};

// Everything that is measured of a queue. `open(name)` gives `{ one(job), many(jobs), work(n), kept() }`; what `work`
// gives back is called afterwards, unmeasured.
export const measure = async (jobs, open) => {
  const warm = await open("warm");
  const queue = await open("bench");
  const one = (q, n) => calls(n, CALLERS, () => q.one(job()));
  const many = (q, n) => calls(n / TOGETHER, 4, () => q.many(Array.from({ length: TOGETHER }, job)));
  await one(warm, WARM_UP);
  await many(warm, WARM_UP);
  const workAll = async (q, n) => {
    let close;
    const worked = await rate(n, async () => (close = await q.work(n)));
    await close?.();
    return worked;
  };
  await workAll(warm, 2 * WARM_UP);
  const single = await rate(jobs, () => one(queue, jobs));
  const batch = await rate(jobs, () => many(queue, jobs));
  const work = await workAll(queue, 2 * jobs);
  console.log(JSON.stringify({ single, batch, work, kept: await queue.kept() }));
};

// Says that the consumer is there, and goes on until the caller closes standard input.
export const idle = async () => {
  console.log("ready");
  process.stdin.resume();
  await new Promise((resolve) => process.stdin.on("end", resolve));
};
