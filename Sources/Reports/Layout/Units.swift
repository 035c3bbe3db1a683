/// Numbers as people read them. JSON and CSV carry exact integers instead.
public enum Units {
  /// A byte amount such as `912 B`, `1.5 KiB` or `-3.0 MiB`.
  public static func bytes(_ amount: Int64) -> String {
    let names = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    let magnitude = amount.magnitude
    if magnitude < 1024 { return "\(amount) B" }
    var value = Double(magnitude) / 1024
    var unit = 0
    // 1023.95 KiB would print as 1024.0 KiB.
    while value >= 1023.95, unit < names.count - 1 {
      value /= 1024
      unit += 1
    }
    return (amount < 0 ? "-" : "") + fixed(value, places: 1) + " " + names[unit]
  }

  /// A byte amount such as `912 B` or `1.5 KiB`.
  public static func bytes(_ amount: UInt64) -> String { bytes(Int64(clamping: amount)) }

  /// A count with its thousands set apart: `12,345,678`.
  public static func count(_ count: some BinaryInteger) -> String {
    let digits = String(count.magnitude)
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.utf8.count - index) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return (count < 0 ? "-" : "") + text
  }

  /// A count and what is counted: `1 free`, `2 frees`.
  public static func count(_ number: some BinaryInteger, _ one: String, _ many: String) -> String {
    count(number) + " " + (number == 1 ? one : many)
  }

  /// A percentage such as `12.50 %`.
  public static func percent(_ percent: Double) -> String { fixed(percent, places: 2) + " %" }

  /// A duration in nanoseconds, such as `12.3 µs`, `231.4 ms` or `2.513 s`; ticks are just counted.
  public static func duration(_ time: UInt64, isTicks: Bool = false) -> String {
    if isTicks { return count(time) + " ticks" }
    if time >= 999_950_000 { return fixed(Double(time) / 1e9, places: 3) + " s" }
    if time >= 999_950 { return fixed(Double(time) / 1e6, places: 1) + " ms" }
    return time == 0 ? "0 s" : fixed(Double(time) / 1e3, places: 1) + " µs"
  }

  /// A time of the trace's own clock with microseconds, as the log prints it.
  public static func clock(_ time: UInt64, isTicks: Bool = false) -> String {
    if isTicks { return "\(time)" }
    let microseconds = String(time / 1000 % 1_000_000)
    return "\(time / 1_000_000_000)." + String(repeating: "0", count: 6 - microseconds.utf8.count) + microseconds
  }

  /// A number with so many digits after the point.
  public static func fixed(_ value: Double, places: Int) -> String {
    guard value.isFinite else { return "\(value)" }
    var scale = 1.0
    for _ in 0..<places { scale *= 10 }
    let scaled = (value.magnitude * scale).rounded()
    guard scaled < 1e18 else { return "\(value)" }
    let whole = UInt64(scaled)
    let divisor = UInt64(scale)
    let sign = value < 0 && whole > 0 ? "-" : ""
    if places == 0 { return sign + "\(whole)" }
    let fraction = String(whole % divisor)
    return sign + "\(whole / divisor)." + String(repeating: "0", count: places - fraction.utf8.count) + fraction
  }
}
