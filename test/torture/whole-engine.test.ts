/** Layer B2, a share of it. */
import { share } from './share.js'
import { wholeEngine } from './layers/whole-engine.js'

share('lives of a whole journal, with its views and snapshots, break no promise wherever they end', wholeEngine, 5000)
