import Primitives
import Testing
import Wire

@testable import Crypto

@Suite("Labels (SPEC §5.3, §6.3)")
struct LabelTests {
    @Test("A7 no label is a prefix of another, in Crypto and Wire together")
    func prefixFree() {
        let own = CryptoLabels.all.map { [UInt8](copying: $0.raw) }
        let wire = Context.allCases.map { [UInt8](copying: $0.label.raw) }
        let all = own + wire
        #expect(own.count == 15)
        for (index, one) in all.enumerated() {
            #expect(one.starts(with: Array("postern/1 ".utf8)))
            for (other, label) in all.enumerated() where other != index {
                #expect(!label.starts(with: one))
            }
        }
    }
}
