/** Layer O, a share of it. */
import { share } from './share.js'
import { longLife } from './layers/long-life.js'

share('a long life with faults leaves no file open and no memory taken', longLife, 8000)
