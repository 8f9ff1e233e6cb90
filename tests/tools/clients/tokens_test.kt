// Runs Tokens.kt of the page for Android with a service: its URL, and the tokens of a login.

import java.io.IOException
import java.net.HttpURLConnection
import java.net.URI
import java.util.concurrent.CyclicBarrier
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread

/** Sends a request. Returns the status and the body. */
fun send(method: String, url: String, body: String?, accessToken: String? = null): Pair<Int, String> {
    val connection = URI(url).toURL().openConnection() as HttpURLConnection
    connection.requestMethod = method
    if (accessToken != null) connection.setRequestProperty("Authorization", "Bearer $accessToken")
    if (body != null) {
        connection.setRequestProperty("Content-Type", "application/json")
        connection.doOutput = true
        connection.outputStream.use { it.write(body.encodeToByteArray()) }
    }
    val status = connection.responseCode
    val stream = if (status < 400) connection.inputStream else connection.errorStream
    return status to stream?.readBytes()?.decodeToString().orEmpty()
}

fun member(json: String, name: String) = Regex("\"$name\":\"?([^\",}]+)").find(json)!!.groupValues[1]

fun main(given: Array<String>) {
    val (url, accessToken, expiresIn, refreshToken) = given
    var stored: String? = null
    val store = object : RefreshTokenStore {
        override fun load() = stored

        override fun save(token: String?) {
            stored = token
        }
    }
    var now = 1000L
    val refreshes = AtomicInteger()
    var loseNext = false
    val tokens = Tokens(store, { now }) { token ->
        refreshes.incrementAndGet()
        val (status, answer) = send("POST", "$url/token/refresh", """{"refresh_token": "$token"}""")
        if (loseNext) {
            loseNext = false
            throw IOException("the answer was lost")
        }
        when {
            status == 200 -> {
                val life = member(answer, "expires_in").toLong()
                Issued(member(answer, "access_token"), life, member(answer, "refresh_token"))
            }
            member(answer, "code") == "invalid_refresh_token" -> null
            else -> error("refused with $status: $answer")
        }
    }
    check(tokens.access() == null && refreshes.get() == 0) { "a user is signed in" }
    tokens.take(Issued(accessToken, expiresIn.toLong(), refreshToken))
    check(tokens.access() == accessToken && stored == refreshToken)

    // Shortly before the end of the token, threads ask at the same moment.
    now += expiresIn.toLong() - 20
    val start = CyclicBarrier(8)
    val found = arrayOfNulls<String>(8)
    List(8) { index ->
        thread {
            start.await()
            found[index] = tokens.access()
        }
    }.forEach(Thread::join)
    val second = found[0]
    check(second != null && second != accessToken && found.all { it == second }) { "they got different tokens" }
    check(refreshes.get() == 1) { "${refreshes.get()} refreshes" }
    check(stored != refreshToken) { "the new token is not stored" }

    // A token that another thread has replaced meanwhile is no reason for another refresh; the newest one is.
    check(tokens.access(accessToken) == second && refreshes.get() == 1)
    loseNext = true
    val third = tokens.access(second)
    check(third != null && third != second && refreshes.get() == 3) { "the lost answer ended the session" }
    check(send("GET", "$url/me", null, third).first == 200)

    check(send("POST", "$url/logout", """{"refresh_token": "$stored"}""").first == 204)
    check(tokens.access(third) == null && stored == null) { "the user is still signed in" }
    println("walked")
}
