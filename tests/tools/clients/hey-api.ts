import { createClient } from "./generated/hey-api/client";
import { getMe, logIn, refreshTokens, register, verifySecondFactor } from "./generated/hey-api";
import { type Client, unexpected } from "./steps.js";

export function make(baseUrl: string): Client {
  const client = createClient({ baseUrl });
  return {
    async register(email, password) {
      const { data } = await register({ client, body: { email, password } });
      if (!data || !("pre_auth_token" in data) || !data.totp) return unexpected(data);
      return { preAuthToken: data.pre_auth_token, secret: data.totp.secret };
    },
    async logIn(email, password) {
      const { data } = await logIn({ client, body: { email, password } });
      return data?.status === "second_factor_required" ? data.pre_auth_token : unexpected(data);
    },
    async verify(pre_auth_token, code) {
      const { data } = await verifySecondFactor({ client, body: { pre_auth_token, code, method: "totp" } });
      if (!data?.refresh_token) return unexpected(data);
      const recoveryCodes = data.recovery_codes?.length ?? 0;
      return { access: data.access_token, refresh: data.refresh_token, recoveryCodes };
    },
    async refused(pre_auth_token, code) {
      const { error } = await verifySecondFactor({ client, body: { pre_auth_token, code } });
      return error?.code ?? unexpected(error);
    },
    async refresh(refresh_token) {
      const { data } = await refreshTokens({ client, body: { refresh_token } });
      return data?.access_token ?? unexpected(data);
    },
    async me(accessToken) {
      const { data } = await getMe({ client, auth: accessToken });
      return data?.email ?? unexpected(data);
    },
  };
}
