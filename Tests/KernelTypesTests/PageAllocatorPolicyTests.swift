import KernelTypes
import Testing

struct PageAllocatorPolicyTests {
  private func policy(_ major: Int, _ minor: Int, _ architecture: Architecture = .x86_64) -> PageAllocatorPolicy {
    PageAllocatorPolicy(kernel: KernelVersion(major, minor), architecture: architecture)
  }

  @Test func pageblocksAreHugePagesWhereThereAreSome() {
    #expect(policy(6, 1).pageblockOrder == 9)
    #expect(policy(6, 1, .arm64).pageblockOrder == 9)
    #expect(policy(6, 1, .x86).pageblockOrder == 10)
    #expect(policy(3, 5, .arm).pageblockOrder == 10)
  }

  @Test func perCPUListsHoldLargerBlocksFrom5_14On() {
    #expect(policy(5, 11).perCPUMaximumOrder == 0 && policy(5, 11).perCPUPageblockLists == 0)
    #expect(policy(5, 15).perCPUMaximumOrder == 3 && policy(5, 15).perCPUPageblockLists == 3)
    #expect(policy(6, 1).perCPUMaximumOrder == 3 && policy(6, 1).perCPUPageblockLists == 2)
    #expect(policy(6, 1, .arm).perCPUPageblockLists == 0)
  }

  @Test func erasDifferWhereTheKernelChanged() {
    #expect(policy(3, 5).fallbackRule == .withReserve && policy(4, 9).fallbackRule == .largestBlock)
    #expect(policy(5, 4).fallbackRule == .countingAlike && policy(6, 12).fallbackRule == .claimThenSteal)
    #expect(!policy(5, 9).releasesToTail && policy(5, 10).releasesToTail)
    #expect(!policy(5, 4).movesToTail && policy(6, 1).movesToTail)
    #expect(policy(5, 15).perCPUDrainOrder == .roundRobin && policy(6, 1).perCPUDrainOrder == .lastFreedList)
    #expect(policy(3, 5).numbering == .reclaimableFirst && policy(4, 9).numbering == .movableFirst)
  }

  @Test func theProfileCarriesThePolicyOfItsKernel() {
    let profile = KernelProfile(kernel: KernelVersion(4, 9), architecture: .arm)
    #expect(profile.pageAllocator == policy(4, 9, .arm))
  }
}
