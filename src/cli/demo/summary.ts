/** A demonstration for machines. */
import type { Demonstration } from './demo.js'

export function summary({ directory, scripts, boots, proof, broken }: Demonstration): object {
  const { views, damaged, recovery, viewsEqual, verify } = proof
  return {
    ok: broken.length === 0,
    journal: directory,
    scripts: scripts.map(({ session, steps, skipped }) => ({ session, steps: steps.length, skipped })),
    boots: boots.map(({ recovery: found, resumes, acknowledged, killed, kill }) => ({
      ...(kill === undefined ? {} : { kill }),
      killed,
      recovery: found,
      resumes: Object.fromEntries(resumes),
      acknowledged: Object.fromEntries(acknowledged),
    })),
    views,
    proof: { derived: recovery.derived, damaged, snapshots: recovery.snapshots, replayed: recovery.replayed, viewsEqual },
    verify,
    broken,
  }
}
