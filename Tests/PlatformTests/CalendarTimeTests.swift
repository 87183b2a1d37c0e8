import Glibc
import Platform
import Testing

@Suite("calendar time and writing")
struct CalendarTimeTests {
    @Test("seconds since 1970 become calendar parts in UTC")
    func utc() {
        let moment = CalendarTime(utcSecondsSince1970: 1_795_256_645)
        #expect(moment.year == 2026)
        #expect(moment.month == 11)
        #expect(moment.day == 21)
        #expect(moment.hour == 10)
        #expect(moment.minute == 24)
        #expect(moment.second == 5)
    }

    @Test("a time beyond the year 9999 is cut, not wrapped")
    func latest() {
        let moment = CalendarTime(utcSecondsSince1970: .max)
        #expect(moment.year == 9_999)
        #expect(moment == CalendarTime(utcSecondsSince1970: 253_402_300_799))
    }

    @Test("a closed pipe is an error, a pipe that is full is waited for")
    func pipes() throws {
        signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [0, 0]
        #expect(unsafe pipe(&ends) == 0)
        #expect(writeAll(Array("ab".utf8), to: ends[1]) == 0)
        #expect(writeAll([], to: ends[1]) == 0)
        close(ends[0])
        #expect(writeAll(Array("ab".utf8), to: ends[1]) == EPIPE)
        close(ends[1])
        #expect(writeAll(Array("ab".utf8), to: -1) == EBADF)
    }
}
