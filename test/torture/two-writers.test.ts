/** Layer L, a share of it. */
import { share } from './share.js'
import { twoWriters } from './layers/two-writers.js'

share('two writers without a lock break no promise, in any order of their calls', twoWriters, 2000)
