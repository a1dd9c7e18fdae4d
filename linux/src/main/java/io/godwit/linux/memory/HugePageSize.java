// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.memory;

import io.godwit.linux.ffi.LibcConstants;

/** The sizes of huge pages that hugetlbfs offers on x86-64. */
public enum HugePageSize {
    /** 2 MiB. */
    TWO_MIB(2L << 20, LibcConstants.MFD_HUGE_2MB),
    /** 1 GiB. */
    ONE_GIB(1L << 30, LibcConstants.MFD_HUGE_1GB);

    private final long byteLength;
    private final int memfdFlag;

    HugePageSize(long byteLength, int memfdFlag) {
        this.byteLength = byteLength;
        this.memfdFlag = memfdFlag;
    }

    /** Bytes in one page of this size. */
    public long byteLength() {
        return byteLength;
    }

    int memfdFlag() {
        return memfdFlag;
    }
}
