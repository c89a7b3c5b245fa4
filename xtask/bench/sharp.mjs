// Times sharp on one case: input as Buffer, output as Buffer, one job at a time, no operation cache.
// node sharp.mjs '{"image","width","height","format","quality","threads","runs","output"}'; threads 0: sharp's own choice.
import { readFileSync, writeFileSync } from "node:fs";
import sharp from "sharp";

const WARM_UP = 3;
const job = JSON.parse(process.argv[2]);
const input = readFileSync(job.image);
sharp.cache(false);
if (job.threads > 0) sharp.concurrency(job.threads);

const once = () => {
  const size = { width: job.width, height: job.height ?? undefined, fit: job.height ? "fill" : "cover" };
  return sharp(input).resize(size).toFormat(job.format, { quality: job.quality }).toBuffer();
};

const ms = [];
let last;
for (let run = 0; run < job.runs + WARM_UP; run++) {
  const begun = performance.now();
  last = await once();
  if (run >= WARM_UP) ms.push(performance.now() - begun);
}
writeFileSync(job.output, last);
console.log(JSON.stringify({ ms, threads: sharp.concurrency(), version: sharp.versions.sharp }));
