internal import Primitives

/// A random source of any type as one type.
///
/// The compiler (6.3) fails on an opened existential that is handed to a generic function with
/// typed throws; a struct of known type is not opened.
struct AnyRandom: RandomSource {
    private var source: any RandomSource

    init(_ source: any RandomSource) { self.source = source }

    mutating func fill(_ bytes: inout MutableRawSpan) { source.fill(&bytes) }
}
