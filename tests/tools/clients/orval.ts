import { getMe, logIn, refreshTokens, register, verifySecondFactor } from "./generated/orval/vestibule";
import { type Client, unexpected } from "./steps.js";

/** orval's functions request paths without a host, so `fetch` adds it. */
export function make(baseUrl: string): Client {
  const plain = globalThis.fetch;
  globalThis.fetch = (input, init) => plain(String(input).startsWith("/") ? baseUrl + String(input) : input, init);
  return {
    async register(email, password) {
      const { status, data } = await register({ email, password });
      if (status !== 201 || !data.totp) return unexpected(data);
      return { preAuthToken: data.pre_auth_token, secret: data.totp.secret };
    },
    async logIn(email, password) {
      const { status, data } = await logIn({ email, password });
      return status === 200 && data.status === "second_factor_required" ? data.pre_auth_token : unexpected(data);
    },
    async verify(pre_auth_token, code) {
      const { status, data } = await verifySecondFactor({ pre_auth_token, code, method: "totp" });
      if (status !== 200 || !data.refresh_token) return unexpected(data);
      const recoveryCodes = data.recovery_codes?.length ?? 0;
      return { access: data.access_token, refresh: data.refresh_token, recoveryCodes };
    },
    async refused(pre_auth_token, code) {
      const { status, data } = await verifySecondFactor({ pre_auth_token, code });
      return status === 401 ? data.code : unexpected(data);
    },
    async refresh(refresh_token) {
      const { status, data } = await refreshTokens({ refresh_token });
      return status === 200 ? data.access_token : unexpected(data);
    },
    async me(accessToken) {
      const { status, data } = await getMe({ headers: { Authorization: `Bearer ${accessToken}` } });
      return status === 200 && data.email !== null ? data.email : unexpected(data);
    },
  };
}
