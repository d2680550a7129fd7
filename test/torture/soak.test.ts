/** Layer O, a share of it. */
import { share } from './share.js'
import { soak } from './layers/soak.js'

share(soak, 8000)
