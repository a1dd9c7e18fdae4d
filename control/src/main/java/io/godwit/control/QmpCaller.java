// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.linux.io.PassedDescriptor;

/** The session whose client has sent a command, as far as commands are concerned with it. */
interface QmpCaller {
    /** Takes commands, and tells of events, from the moment on when this command's answer is written. */
    void negotiated();

    /**
     * The descriptor that came with this command; the caller of this owns it.
     *
     * @throws QmpException if none came
     */
    PassedDescriptor takePassed();

    /** Has something done once the answer to this command is on its way. */
    void whenAnswered(Runnable what);
}
