/** Hostile clients in a process apart: `node hostileProcess.ts OPTIONS`. It says when all of them have tried once. */
import { HOLDING, startHostileClients } from "./hostileClients.ts";

const options = JSON.parse(process.argv[2] ?? "");
startHostileClients({ ...options, deeds: HOLDING });
console.log("tried");
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) {
    process.kill(process.pid, "SIGKILL");
  }
}, 1_000);
