// The virtual authenticator of Chromium.

/** An authenticator of a user's browser, which confirms that its user is present and verified. */
export class Authenticator {
  /**
   * @param {boolean} suggests whether the browser suggests passkeys in fields. The authenticator's user chooses a
   *   suggestion at once, so most tests would not see the sign-in page.
   */
  static async of(person, suggests = false) {
    if (!suggests) {
      await person.page.addInitScript(() => {
        PublicKeyCredential.isConditionalMediationAvailable = async () => false;
      });
    }
    const cdp = await person.context.newCDPSession(person.page);
    await cdp.send('WebAuthn.enable', { enableUI: false });
    const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
        defaultBackupEligibility: true,
        defaultBackupState: true,
      },
    });
    return new Authenticator(cdp, authenticatorId);
  }

  constructor(cdp, id) {
    this.cdp = cdp;
    this.id = id;
  }

  send(method, values = {}) {
    return this.cdp.send(`WebAuthn.${method}`, { authenticatorId: this.id, ...values });
  }

  /** Stops or starts to verify its user. A request that requires it then fails, as when a user cancels. */
  verifies(isUserVerified) {
    return this.send('setUserVerified', { isUserVerified });
  }

  /** Makes responses with a wrong signature, or without the user's verification or presence; or right ones again. */
  lies({ isBogusSignature = false, isBadUV = false, isBadUP = false } = {}) {
    return this.send('setResponseOverrideBits', { isBogusSignature, isBadUV, isBadUP });
  }

  async size() {
    return (await this.send('getCredentials')).credentials.length;
  }

  /** Loses all passkeys, as a device that is gone. */
  loses() {
    return this.send('clearCredentials');
  }
}
