// Only includes: the families are the dialect.
include "weft/Dialect/Weft/Ops/Elementwise.td"
include "weft/Dialect/Weft/Ops/Reduction.td"
include "weft/Dialect/Weft/Ops/Movement.td"
include "weft/Dialect/Weft/Ops/Contraction.td"
include "weft/Dialect/Weft/Ops/Window.td"
include "weft/Dialect/Weft/Ops/Creation.td"
include "weft/Dialect/Weft/Ops/Control.td"
include "weft/Dialect/Weft/Ops/Random.td"
