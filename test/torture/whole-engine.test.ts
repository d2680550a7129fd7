/** Layer B2, a share of it. */
import { share } from './share.js'
import { wholeEngine } from './layers/whole-engine.js'

share(wholeEngine, 5000)
