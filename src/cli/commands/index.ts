/**
 * The commands, in the order in which the help shows them. Each is loaded when it is asked for, because most of what a short command
 * takes is loading.
 */
import type { Command } from '../command.js'

const loading: Readonly<Record<string, () => Promise<Command>>> = {
  demo: async () => (await import('./demo.js')).demo,
  import: async () => (await import('./import.js')).importing,
  sessions: async () => (await import('./sessions.js')).sessions,
  show: async () => (await import('./show.js')).show,
  search: async () => (await import('./search.js')).search,
  export: async () => (await import('./export.js')).exporting,
  tasks: async () => (await import('./tasks.js')).tasks,
  tail: async () => (await import('./tail.js')).tail,
  stats: async () => (await import('./stats.js')).stats,
  doctor: async () => (await import('./doctor.js')).doctor,
  verify: async () => (await import('./verify.js')).verify,
  repair: async () => (await import('./repair.js')).repair,
  salvage: async () => (await import('./salvage.js')).salvage,
  backup: async () => (await import('./backup.js')).backup,
  restore: async () => (await import('./restore.js')).restore,
  dump: async () => (await import('./dump.js')).dump,
  sign: async () => (await import('./sign.js')).sign,
  keygen: async () => (await import('./keygen.js')).keygen,
  snapshot: async () => (await import('./snapshot.js')).snapshot,
  upgrade: async () => (await import('./upgrade.js')).upgrade,
  freeze: async () => (await import('./freeze.js')).freeze,
  completion: async () => (await import('./completion.js')).completing(allCommands),
}

/** The command of a name, if there is one. */
export async function commandNamed(name: string): Promise<Command | undefined> {
  return Object.hasOwn(loading, name) ? loading[name]?.() : undefined
}

export function allCommands(): Promise<Command[]> {
  return Promise.all(Object.values(loading).map((load) => load()))
}
