/** Layer A, a share of it. */
import { share } from './share.js'
import { exhaustive } from './layers/exhaustive.js'

share(exhaustive, 40_000)
