/** The contenders. */
import { emmett } from './emmett.js'
import { hypercore } from './hypercore.js'
import { level } from './level.js'
import { lmdb, lmdbBlocking } from './lmdb.js'
import { sqlite } from './sqlite.js'
import type { Contender } from './store.js'

/** Those that promise that what was appended survives power loss. */
export const peers: readonly Contender[] = [sqlite, lmdb, level]
/** The same, where they append. */
export const appendingPeers: readonly Contender[] = [sqlite, lmdb, lmdbBlocking, level]
/** One that promises the same and takes so much longer that it is only measured where it appends. */
export const slowPeers: readonly Contender[] = [emmett]
export const shown: readonly Contender[] = [hypercore]
