// Preloaded into what the bootstrap starts, and inherited by whatever that forks: only the direct child is bound.
import { exitWithParent } from "./exit-with-parent.mjs";

if (process.ppid === Number(process.env.POSTKIT_BOOTSTRAP_PID)) exitWithParent();
