// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

/** The session whose client has sent a command, as far as commands are concerned with it. */
interface QmpCaller {
    /** Takes commands, and tells of events, from the moment on when this command's answer is written. */
    void negotiated();

    /** Has something done once the answer to this command is on its way. */
    void whenAnswered(Runnable what);
}
