/** Layer O, a share of it. */
import { share } from './share.js'
import { longLife } from './layers/long-life.js'

share(longLife, 8000)
