public import Analysis
public import ArgumentParser
public import KernelTypes
public import Reports
public import TraceEvents

extension TimeWindow.Bound: ExpressibleByArgument {
  public init?(argument: String) { self.init(parsing: argument) }
}

extension KernelVersion: ExpressibleByArgument {
  public init?(argument: String) { self.init(parsing: argument) }
}

extension Architecture: ExpressibleByArgument {}
extension WasteGrouping: ExpressibleByArgument {}
extension EventFamily: ExpressibleByArgument {}
extension WasteOrder: ExpressibleByArgument {}
extension CacheOrder: ExpressibleByArgument {}
extension AllocatorOrder: ExpressibleByArgument {}
extension BreakerOrder: ExpressibleByArgument {}
extension StackWeights.Weight: ExpressibleByArgument {}
extension StackWeights.Subject: ExpressibleByArgument {}
