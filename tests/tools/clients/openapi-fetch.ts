import createClient from "openapi-fetch";

import type { paths } from "./generated/openapi-typescript/api.js";
import { type Client, unexpected } from "./steps.js";

export function make(baseUrl: string): Client {
  const client = createClient<paths>({ baseUrl });
  return {
    async register(email, password) {
      const { data } = await client.POST("/register", { body: { email, password } });
      if (!data || !("pre_auth_token" in data) || !data.totp) return unexpected(data);
      return { preAuthToken: data.pre_auth_token, secret: data.totp.secret };
    },
    async logIn(email, password) {
      const { data } = await client.POST("/login", { body: { email, password } });
      return data?.status === "second_factor_required" ? data.pre_auth_token : unexpected(data);
    },
    async verify(pre_auth_token, code) {
      const { data } = await client.POST("/2fa/verify", { body: { pre_auth_token, code, method: "totp" } });
      if (!data?.refresh_token) return unexpected(data);
      const recoveryCodes = data.recovery_codes?.length ?? 0;
      return { access: data.access_token, refresh: data.refresh_token, recoveryCodes };
    },
    async refused(pre_auth_token, code) {
      const { error } = await client.POST("/2fa/verify", { body: { pre_auth_token, code } });
      return error?.code ?? unexpected(error);
    },
    async refresh(refresh_token) {
      const { data } = await client.POST("/token/refresh", { body: { refresh_token } });
      return data?.access_token ?? unexpected(data);
    },
    async me(accessToken) {
      const { data } = await client.GET("/me", { headers: { Authorization: `Bearer ${accessToken}` } });
      return data?.email ?? unexpected(data);
    },
  };
}
