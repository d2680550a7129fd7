/** Layer A, a share of it. */
import { share } from './share.js'
import { exhaustive } from './layers/exhaustive.js'

share('a script that dies in any call, and again while it is recovered, breaks no promise', exhaustive, 90_000)
