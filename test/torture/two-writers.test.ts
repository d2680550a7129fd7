/** Layer L, a share of it. */
import { share } from './share.js'
import { twoWriters } from './layers/two-writers.js'

share(twoWriters, 2000)
