// pg-boss on PostgreSQL: node pgboss.mjs (run | idle) FOLDER-OF-SOCKET DATABASE JOBS
import { PgBoss } from "pg-boss";
import { idle, measure, result } from "./work.mjs";

// Claimed at once by each of the workers; Stopbath's benchmark has the same.
const BATCH = 200;
const WORKERS = 4;
// Its default of 10 connections makes 64 callers wait for each other.
const CONNECTIONS = 20;
const [mode, host, database, jobs] = process.argv.slice(2);

// Told of jobs, a worker looks seldom; but each call that adds jobs then has more to do. So only who waits is told.
const told = mode === "idle";
const boss = new PgBoss({ host, database, user: "postgres", max: CONNECTIONS, useListenNotify: told });
boss.on("error", (error) => {
  console.error(error);
  process.exit(1);
});
await boss.start();

// Every job with a result of its own, a batch in one statement; a full batch is followed by the next at once.
const options = { batchSize: BATCH, localConcurrency: WORKERS, perJobResults: true, burstWhenBatchFull: true };
const settle = (batch) => batch.map((job) => ({ id: job.id, status: "completed", output: result(job.data) }));

const work = async (name, n) => {
  let left = n;
  await new Promise((resolve, reject) => {
    const worker = async (batch) => {
      left -= batch.length;
      if (left === 0) resolve();
      return settle(batch);
    };
    boss.work(name, options, worker).catch(reject);
  });
  // Waits until what is in hand is settled.
  await boss.offWork(name);
};

const open = async (name) => {
  // A table of its own, as its makers advise for large queues.
  await boss.createQueue(name, { partition: true });
  return {
    one: (data) => boss.send(name, data),
    many: (all) => boss.insert(name, all.map((data) => ({ data }))),
    work: (n) => work(name, n),
    kept: async () => {
      const done = "SELECT count(*) FROM pgboss.job WHERE name = $1 AND state = 'completed' AND output ? 'renditions'";
      const { rows } = await boss.getDb().executeSql(done, [name]);
      return Number(rows[0].count);
    },
  };
};

if (mode === "idle") {
  await boss.createQueue("bench", { partition: true, notify: told });
  await boss.work("bench", options, async (batch) => settle(batch));
  await idle();
} else {
  await measure(Number(jobs), open);
}
await boss.stop({ graceful: false });
process.exit(0);
